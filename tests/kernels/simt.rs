//! Executes kernels on the CPU, the lanes of a workgroup in step, and finds what no device reports: races, barriers that some lanes do not reach, workgroup
//! memory that is read before it is written, and indices out of range.
//!
//! A race is two accesses of one word by different lanes, at least one of which is a write and not both of which are atomic, without a barrier for that memory
//! between them (WGSL specification, section "Memory Model"). That does not depend on the order in which lanes run: what is found in one order holds for all.

use naga::proc::TypeResolution;
use naga::valid::{FunctionInfo, ModuleInfo};
use naga::{
    AddressSpace, Arena, ArraySize, AtomicFunction, Barrier, BinaryOperator, Binding, Block, BuiltIn, CollectiveOperation, Expression, Function, GatherMode,
    GlobalVariable, Handle, Literal, MathFunction, Module, RelationalFunction, Scalar, ScalarKind, Span, Statement, SubgroupOperation, SwitchValue, Type,
    TypeInner, UnaryOperator,
};
use std::collections::{BTreeMap, BTreeSet};

/// What workgroup memory holds before it is written: a NaN.
const UNWRITTEN: u32 = 0x7FC0_5EED;
/// Several lanes.
const MANY: u32 = u32::MAX;
/// Rounds of a loop after which it counts as endless.
const MOST_ROUNDS: usize = 1 << 20;
/// The root of pointers to variables of functions; those to module-scope variables have the variable's number plus 1.
const LOCAL: u32 = 0;

/// The last accesses of a word of one kind.
#[derive(Debug, Clone, Copy, Default)]
struct Accesses {
    /// Interval of the first access in the dispatch, and of the last one.
    first: u32,
    last: u32,
    /// The lane of the last one, or [`MANY`], and its place in the text.
    lane: u32,
    site: u32,
}

impl Accesses {
    /// Whether one of them may happen at the same time as an access by `lane` now.
    fn meet(&self, lane: u32, clock: Clock) -> bool {
        let in_another_workgroup = self.first >= clock.dispatch && self.first < clock.workgroup;
        in_another_workgroup || self.last == clock.now && self.lane != lane / clock.together
    }

    fn add(&mut self, lane: u32, clock: Clock, site: u32) {
        let lane = lane / clock.together;
        if self.first < clock.dispatch {
            self.first = clock.now;
        }
        self.lane = if self.last == clock.now && self.lane != lane { MANY } else { lane };
        (self.last, self.site) = (clock.now, site);
    }
}

/// The history of a word.
#[derive(Debug, Clone, Copy, Default)]
struct History {
    reads: Accesses,
    writes: Accesses,
    atomics: Accesses,
}

/// A kind of access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Atomic,
}

/// Intervals between barriers, numbered throughout: the first of the dispatch, the first of the workgroup, the present one.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    dispatch: u32,
    workgroup: u32,
    now: u32,
    /// Lanes that run together: what one of them does comes after what others have done before.
    together: u32,
}

/// A module-scope variable.
struct Memory {
    name: String,
    space: AddressSpace,
    words: Vec<u32>,
    history: Vec<History>,
    written: Vec<bool>,
}

/// A function's registers: for each expression its first word, and how many words there are.
struct Registers {
    first: Vec<usize>,
    words: usize,
}

/// Buffers by name.
pub type Buffers = BTreeMap<String, Vec<u32>>;

/// A kernel that can be executed.
pub struct Simt<'a> {
    module: &'a Module,
    info: &'a ModuleInfo,
    text: &'a str,
    lanes: usize,
    subgroup: usize,
    memories: Vec<Memory>,
    functions: Vec<Registers>,
    entry: Registers,
    /// Registers of all active functions, `[word][lane]`.
    registers: Vec<u32>,
    /// Variables of all active functions, `[word][lane]`.
    locals: Vec<u32>,
    storage: Clock,
    shared: Clock,
    findings: BTreeSet<String>,
    most: usize,
}

/// The lanes that left a block early.
#[derive(Default)]
struct Left {
    broke: Vec<usize>,
    continued: Vec<usize>,
}

/// The function that is being executed.
#[derive(Clone, Copy)]
struct Frame<'a> {
    function: &'a Function,
    info: &'a FunctionInfo,
    /// Index of its registers in `functions`; the entry point's are elsewhere.
    number: Option<usize>,
    /// First register, first word of its variables.
    base: usize,
    variables: usize,
    /// First register of its arguments, and of its result.
    arguments: usize,
    result: usize,
}

impl<'a> Simt<'a> {
    /// The kernel of a valid module, whose WGSL is `text`, with subgroups of `subgroup` lanes. If they run `in_step`, what one lane of a subgroup does comes
    /// after what the others have done before: software drivers run a subgroup as one vector.
    pub fn new(module: &'a Module, info: &'a ModuleInfo, text: &'a str, subgroup: usize, in_step: bool) -> Simt<'a> {
        let together = if in_step { subgroup as u32 } else { 1 };
        let entry = &module.entry_points[0];
        let lanes = entry.workgroup_size.iter().product::<u32>() as usize;
        let memory = |variable: &GlobalVariable| {
            let per = if variable.space == AddressSpace::Private { lanes } else { 1 };
            let words = vec![0; words(module, &module.types[variable.ty].inner).unwrap_or(0) * per];
            Memory { name: variable.name.clone().unwrap_or_default(), space: variable.space, words, history: Vec::new(), written: Vec::new() }
        };
        for (_, variable) in module.global_variables.iter().filter(|(_, variable)| matches!(variable.space, AddressSpace::Storage { .. })) {
            // Environments may have gaps in their state, which only kernels read and write.
            if variable.name.as_deref() != Some("env_lanes") {
                assert_packed(module, variable.ty);
            }
        }
        Simt {
            module,
            info,
            text,
            lanes,
            subgroup: subgroup.max(1),
            memories: module.global_variables.iter().map(|(_, variable)| memory(variable)).collect(),
            functions: module.functions.iter().map(|(handle, function)| registers(module, function, &info[handle])).collect(),
            entry: registers(module, &entry.function, info.get_entry_point(0)),
            registers: Vec::new(),
            locals: Vec::new(),
            storage: Clock { dispatch: 1, workgroup: 1, now: 1, together },
            shared: Clock { dispatch: 1, workgroup: 1, now: 1, together },
            findings: BTreeSet::new(),
            most: usize::MAX,
        }
    }

    /// Ends execution once this number of things was found.
    pub fn with_most(self, most: usize) -> Simt<'a> {
        Simt { most, ..self }
    }

    /// Executes `workgroups` on `buffers`; `dispatch` is its index. What was found, each once.
    pub fn run(mut self, buffers: &mut Buffers, workgroups: usize, dispatch: u32) -> BTreeSet<String> {
        for memory in &mut self.memories {
            match memory.space {
                AddressSpace::Storage { .. } => memory.words = buffers.remove(&memory.name).unwrap_or_else(|| panic!("no buffer {}", memory.name)),
                AddressSpace::Uniform => memory.words.fill(if memory.name == "dispatch" { dispatch } else { 0 }),
                _ => {}
            }
            memory.history = vec![History::default(); memory.words.len()];
        }
        for workgroup in 0..workgroups {
            self.workgroup(workgroup as u32, workgroups as u32);
        }
        for memory in self.memories {
            if matches!(memory.space, AddressSpace::Storage { .. }) {
                buffers.insert(memory.name, memory.words);
            }
        }
        self.findings
    }

    fn workgroup(&mut self, workgroup: u32, workgroups: u32) {
        let module = self.module;
        for (memory, (_, variable)) in self.memories.iter_mut().zip(module.global_variables.iter()) {
            match memory.space {
                AddressSpace::WorkGroup => {
                    memory.words.fill(UNWRITTEN);
                    memory.written = vec![false; memory.words.len()];
                }
                AddressSpace::Private => match variable.init {
                    Some(init) => {
                        for (w, word) in constant(module, &module.global_expressions, init).into_iter().enumerate() {
                            memory.words[w * self.lanes..(w + 1) * self.lanes].fill(word);
                        }
                    }
                    None => memory.words.fill(0),
                },
                _ => {}
            }
        }
        for clock in [&mut self.storage, &mut self.shared] {
            clock.now += 1;
            clock.workgroup = clock.now;
        }
        // No other workgroup has this memory.
        self.shared.dispatch = self.shared.now;
        let function = &module.entry_points[0].function;
        // Arguments come first, then the registers of the expressions.
        let mut arguments = Vec::new();
        for argument in &function.arguments {
            let Some(Binding::BuiltIn(built_in)) = argument.binding else { panic!("an argument that is not built in") };
            let one = |of: &dyn Fn(usize) -> u32| (0..self.lanes).map(of).collect::<Vec<u32>>();
            let zeros = || one(&|_| 0);
            arguments.extend(match built_in {
                BuiltIn::WorkGroupId => [one(&|_| workgroup), zeros(), zeros()].concat(),
                BuiltIn::NumWorkGroups => [one(&|_| workgroups), one(&|_| 1), one(&|_| 1)].concat(),
                BuiltIn::LocalInvocationId => [one(&|lane| lane as u32), zeros(), zeros()].concat(),
                BuiltIn::LocalInvocationIndex => one(&|lane| lane as u32),
                BuiltIn::SubgroupInvocationId => one(&|lane| (lane % self.subgroup) as u32),
                BuiltIn::SubgroupId => one(&|lane| (lane / self.subgroup) as u32),
                BuiltIn::SubgroupSize => one(&|_| self.subgroup as u32),
                other => panic!("the argument {other:?} is not executed"),
            });
        }
        let base = arguments.len() / self.lanes;
        self.registers = arguments;
        self.locals.clear();
        let frame = Frame { function, info: self.info.get_entry_point(0), number: None, base, variables: 0, arguments: 0, result: 0 };
        self.execute(frame, &(0..self.lanes).collect::<Vec<_>>());
    }

    /// Executes a function, from which `active` lanes return one by one.
    fn execute(&mut self, frame: Frame<'a>, active: &[usize]) {
        let function = frame.function;
        let words_before = (self.registers.len(), self.locals.len());
        let registers = frame.number.map_or(self.entry.words, |number| self.functions[number].words);
        self.registers.resize((frame.base + registers) * self.lanes, 0);
        let mut variable = frame.variables;
        for (_, local) in function.local_variables.iter() {
            let size = words(self.module, &self.module.types[local.ty].inner).expect("a variable has a size");
            self.locals.resize((variable + size) * self.lanes, 0);
            let init = local.init.map_or(vec![0; size], |init| constant(self.module, &function.expressions, init));
            for (w, word) in init.into_iter().enumerate() {
                for &lane in active {
                    self.locals[(variable + w) * self.lanes + lane] = word;
                }
            }
            variable += size;
        }
        for (handle, expression) in function.expressions.iter() {
            if expression.needs_pre_emit() {
                self.evaluate(frame, handle, active);
            }
        }
        let mut left = Left::default();
        self.block(frame, &function.body, active.to_vec(), &mut left);
        assert!(left.broke.is_empty() && left.continued.is_empty(), "a valid function");
        self.registers.truncate(words_before.0);
        self.locals.truncate(words_before.1);
    }

    /// Executes a block; the lanes that reach its end.
    fn block(&mut self, frame: Frame<'a>, block: &'a Block, mut active: Vec<usize>, left: &mut Left) -> Vec<usize> {
        for (statement, span) in block.span_iter() {
            if active.is_empty() || self.findings.len() >= self.most {
                return Vec::new();
            }
            active = self.statement(frame, statement, *span, active, left);
        }
        active
    }

    fn statement(&mut self, frame: Frame<'a>, statement: &'a Statement, span: Span, active: Vec<usize>, left: &mut Left) -> Vec<usize> {
        let site = self.site(span);
        match statement {
            Statement::Emit(range) => range.clone().for_each(|expression| self.evaluate(frame, expression, &active)),
            Statement::Block(block) => return self.block(frame, block, active, left),
            Statement::If { condition, accept, reject } => {
                let condition = self.at(frame, *condition);
                let (yes, no): (Vec<usize>, Vec<usize>) = active.into_iter().partition(|&lane| self.get(condition, lane) != 0);
                let mut through = self.block(frame, accept, yes, left);
                through.extend(self.block(frame, reject, no, left));
                through.sort_unstable();
                return through;
            }
            Statement::Switch { selector, cases } => {
                let selector = self.at(frame, *selector);
                let (mut waiting, mut through, mut out) = (active, Vec::new(), Left::default());
                let mut falling = Vec::new();
                for case in cases {
                    let chosen = |value: u32| match case.value {
                        SwitchValue::I32(wanted) => value == wanted as u32,
                        SwitchValue::U32(wanted) => value == wanted,
                        SwitchValue::Default => {
                            let others = || {
                                cases.iter().any(|other| {
                                    matches!(other.value, SwitchValue::U32(it) if it == value)
                                        || matches!(other.value, SwitchValue::I32(it) if it as u32 == value)
                                })
                            };
                            !others()
                        }
                    };
                    let (mut here, rest): (Vec<usize>, Vec<usize>) = waiting.into_iter().partition(|&lane| chosen(self.get(selector, lane)));
                    waiting = rest;
                    here.append(&mut falling);
                    here.sort_unstable();
                    let ended = self.block(frame, &case.body, here, &mut out);
                    if case.fall_through { falling = ended } else { through.extend(ended) }
                }
                through.extend(waiting);
                through.extend(falling);
                through.append(&mut out.broke);
                left.continued.append(&mut out.continued);
                through.sort_unstable();
                return through;
            }
            Statement::Loop { body, continuing, break_if } => {
                let (mut inside, mut through) = (active, Vec::new());
                for round in 0.. {
                    if inside.is_empty() {
                        break;
                    }
                    if round == MOST_ROUNDS {
                        self.find(site, "a loop does not end".into());
                        break;
                    }
                    let mut out = Left::default();
                    inside = self.block(frame, body, inside, &mut out);
                    inside.append(&mut out.continued);
                    inside.sort_unstable();
                    through.append(&mut out.broke);
                    inside = self.block(frame, continuing, inside, &mut out);
                    if let Some(condition) = break_if {
                        let condition = self.at(frame, *condition);
                        let (ended, rest): (Vec<usize>, Vec<usize>) = inside.into_iter().partition(|&lane| self.get(condition, lane) != 0);
                        (inside, through) = (rest, [through, ended].concat());
                    }
                }
                through.sort_unstable();
                return through;
            }
            Statement::Break => {
                left.broke.extend(active);
                return Vec::new();
            }
            Statement::Continue => {
                left.continued.extend(active);
                return Vec::new();
            }
            Statement::Return { value } => {
                if let Some(value) = value {
                    let from = self.at(frame, *value);
                    let size = self.size(frame, *value);
                    self.copy(from, frame.result, size, &active);
                }
                return Vec::new();
            }
            Statement::ControlBarrier(barrier) => self.barrier(*barrier, site, &active),
            Statement::Store { pointer, value } => {
                let (pointer_at, value_at, size) = (self.at(frame, *pointer), self.at(frame, *value), self.size(frame, *value));
                let access = if self.is_atomic(frame, *pointer) { Access::Atomic } else { Access::Write };
                for &lane in &active {
                    let (root, place) = (self.get(pointer_at, lane), self.get(pointer_at + 1, lane));
                    for w in 0..size {
                        self.write(root, place as usize + w, lane, self.get(value_at + w, lane), access, site);
                    }
                }
            }
            Statement::Atomic { pointer, fun, value, result } => {
                let (pointer_at, value_at) = (self.at(frame, *pointer), self.at(frame, *value));
                let signed = self.inner(frame, *value).scalar().expect("a number").kind == ScalarKind::Sint;
                for &lane in &active {
                    let (root, place) = (self.get(pointer_at, lane), self.get(pointer_at + 1, lane) as usize);
                    let (old, operand) = (self.read(root, place, lane, Access::Atomic, site), self.get(value_at, lane));
                    let new = match fun {
                        AtomicFunction::Add => old.wrapping_add(operand),
                        AtomicFunction::Subtract => old.wrapping_sub(operand),
                        AtomicFunction::And => old & operand,
                        AtomicFunction::ExclusiveOr => old ^ operand,
                        AtomicFunction::InclusiveOr => old | operand,
                        AtomicFunction::Min if signed => (old as i32).min(operand as i32) as u32,
                        AtomicFunction::Max if signed => (old as i32).max(operand as i32) as u32,
                        AtomicFunction::Min => old.min(operand),
                        AtomicFunction::Max => old.max(operand),
                        AtomicFunction::Exchange { compare: None } => operand,
                        AtomicFunction::Exchange { .. } => panic!("compare-and-exchange is not executed"),
                    };
                    self.write(root, place, lane, new, Access::Atomic, site);
                    if let Some(result) = result {
                        let result = self.at(frame, *result);
                        self.set(result, lane, old);
                    }
                }
            }
            Statement::WorkGroupUniformLoad { pointer, result } => {
                self.barrier(Barrier::WORK_GROUP, site, &active);
                let (from, to, size) = (self.at(frame, *pointer), self.at(frame, *result), self.size(frame, *result));
                self.load(from, to, size, Access::Read, site, &active);
                self.barrier(Barrier::WORK_GROUP, site, &active);
            }
            Statement::Call { function, arguments, result } => {
                let callee = &self.module.functions[*function];
                let sizes: Vec<usize> = arguments.iter().map(|argument| self.size(frame, *argument)).collect();
                let returned = callee.result.as_ref().map_or(0, |it| words(self.module, &self.module.types[it.ty].inner).expect("a result has a size"));
                let arguments_at = self.registers.len() / self.lanes;
                let result_at = arguments_at + sizes.iter().sum::<usize>();
                self.registers.resize((result_at + returned) * self.lanes, 0);
                let mut to = arguments_at;
                for (argument, size) in arguments.iter().zip(&sizes) {
                    let from = self.at(frame, *argument);
                    self.copy(from, to, *size, &active);
                    to += size;
                }
                let called = Frame {
                    function: callee,
                    info: &self.info[*function],
                    number: Some(function.index()),
                    base: result_at + returned,
                    variables: self.locals.len() / self.lanes,
                    arguments: arguments_at,
                    result: result_at,
                };
                self.execute(called, &active);
                if let Some(result) = result {
                    let to = self.at(frame, *result);
                    self.copy(result_at, to, returned, &active);
                }
                self.registers.truncate(arguments_at * self.lanes);
            }
            Statement::SubgroupBallot { result, predicate } => {
                let (to, from) = (self.at(frame, *result), predicate.map(|predicate| self.at(frame, predicate)));
                for team in self.teams(&active) {
                    let mut bits = [0_u32; 4];
                    for &lane in team.iter().filter(|&&lane| from.is_none_or(|from| self.get(from, lane) != 0)) {
                        bits[lane % self.subgroup / 32] |= 1 << (lane % self.subgroup % 32);
                    }
                    for &lane in &team {
                        (0..4).for_each(|w| self.set(to + w, lane, bits[w]));
                    }
                }
            }
            Statement::SubgroupCollectiveOperation { op, collective_op, argument, result } => {
                assert_eq!(*collective_op, CollectiveOperation::Reduce, "scans are not executed");
                let (from, to, size) = (self.at(frame, *argument), self.at(frame, *result), self.size(frame, *argument));
                let kind = self.inner(frame, *argument).scalar().expect("numbers").kind;
                for team in self.teams(&active) {
                    for w in 0..size {
                        let all = team.iter().map(|&lane| self.get(from + w, lane)).reduce(|a, b| collected(*op, kind, a, b)).expect("a lane");
                        team.iter().for_each(|&lane| self.set(to + w, lane, all));
                    }
                }
            }
            Statement::SubgroupGather { mode, argument, result } => {
                let (from, to, size) = (self.at(frame, *argument), self.at(frame, *result), self.size(frame, *argument));
                for team in self.teams(&active) {
                    let first = team[0] - team[0] % self.subgroup;
                    let index = |index: Handle<Expression>, lane: usize| self.get(self.at(frame, index), lane) as usize;
                    let mut values = Vec::new();
                    for &lane in &team {
                        let of = match *mode {
                            GatherMode::BroadcastFirst => team[0],
                            GatherMode::Broadcast(it) | GatherMode::Shuffle(it) => first + index(it, lane),
                            GatherMode::ShuffleXor(it) => first + ((lane - first) ^ index(it, lane)),
                            GatherMode::ShuffleDown(it) => lane + index(it, lane),
                            GatherMode::ShuffleUp(it) => lane.wrapping_sub(index(it, lane)),
                            other => panic!("{other:?} is not executed"),
                        };
                        values.push(team.contains(&of).then(|| (0..size).map(|w| self.get(from + w, of)).collect::<Vec<u32>>()));
                    }
                    for (&lane, value) in team.iter().zip(values) {
                        if value.is_none() {
                            self.find(site, format!("lane {lane} takes a value from a lane that is not there"));
                        }
                        value.into_iter().flatten().enumerate().for_each(|(w, word)| self.set(to + w, lane, word));
                    }
                }
            }
            other => panic!("{other:?} is not executed"),
        }
        active
    }

    /// The active lanes of each subgroup.
    fn teams(&self, active: &[usize]) -> Vec<Vec<usize>> {
        active.chunk_by(|a, b| a / self.subgroup == b / self.subgroup).map(<[usize]>::to_vec).collect()
    }

    fn barrier(&mut self, barrier: Barrier, site: u32, active: &[usize]) {
        if active.len() != self.lanes {
            self.find(site, format!("{} of {} lanes reach a barrier", active.len(), self.lanes));
        }
        if barrier.contains(Barrier::STORAGE) {
            self.storage.now += 1;
        }
        if barrier.contains(Barrier::WORK_GROUP) {
            self.shared.now += 1;
        }
    }

    fn find(&mut self, site: u32, what: String) {
        let place = self.place(site);
        self.findings.insert(format!("{place}: {what}"));
    }

    /// A place in the text, as a number.
    fn site(&self, span: Span) -> u32 {
        span.to_range().map_or(0, |range| range.start as u32)
    }

    /// "line 12 `code`".
    fn place(&self, site: u32) -> String {
        let before = &self.text[..(site as usize).min(self.text.len())];
        let line = before.matches('\n').count();
        format!("line {} `{}`", line + 1, self.text.lines().nth(line).unwrap_or_default().trim())
    }

    fn at(&self, frame: Frame, expression: Handle<Expression>) -> usize {
        let registers = frame.number.map_or(&self.entry, |number| &self.functions[number]);
        frame.base + registers.first[expression.index()]
    }

    fn inner(&self, frame: Frame<'a>, expression: Handle<Expression>) -> &'a TypeInner {
        frame.info[expression].ty.inner_with(&self.module.types)
    }

    fn size(&self, frame: Frame<'a>, expression: Handle<Expression>) -> usize {
        words(self.module, self.inner(frame, expression)).expect("a value has a size")
    }

    fn get(&self, register: usize, lane: usize) -> u32 {
        self.registers[register * self.lanes + lane]
    }

    fn set(&mut self, register: usize, lane: usize, word: u32) {
        self.registers[register * self.lanes + lane] = word;
    }

    fn copy(&mut self, from: usize, to: usize, size: usize, active: &[usize]) {
        for w in 0..size {
            for &lane in active {
                self.registers[(to + w) * self.lanes + lane] = self.registers[(from + w) * self.lanes + lane];
            }
        }
    }

    fn is_atomic(&self, frame: Frame<'a>, pointer: Handle<Expression>) -> bool {
        matches!(self.inner(frame, pointer), TypeInner::Pointer { base, .. } if matches!(self.module.types[*base].inner, TypeInner::Atomic(_)))
    }

    /// Notes an access to a word, and whether it is a race.
    fn note(&mut self, root: u32, place: usize, lane: usize, access: Access, site: u32) {
        let memory = &mut self.memories[root as usize - 1];
        let clock = match memory.space {
            AddressSpace::Storage { .. } => self.storage,
            AddressSpace::WorkGroup => self.shared,
            _ => return,
        };
        let (history, lane) = (&mut memory.history[place], lane as u32);
        let others: &[(&str, Accesses)] = match access {
            Access::Read => &[("written", history.writes), ("changed", history.atomics)],
            Access::Write => &[("written", history.writes), ("read", history.reads), ("changed", history.atomics)],
            Access::Atomic => &[("written", history.writes), ("read", history.reads)],
        };
        let race = others.iter().find(|(_, other)| other.meet(lane, clock)).map(|(how, other)| (*how, other.site));
        let own = match access {
            Access::Read => &mut history.reads,
            Access::Write => &mut history.writes,
            Access::Atomic => &mut history.atomics,
        };
        own.add(lane, clock, site);
        if let Some((how, other)) = race {
            let (name, other) = (memory.name.clone(), self.place(other));
            let own = if access == Access::Read { "reads" } else { "writes" };
            self.find(site, format!("race: {own} a word of `{name}` that another lane has {how} in {other}"));
        }
    }

    fn read(&mut self, root: u32, place: usize, lane: usize, access: Access, site: u32) -> u32 {
        if root == LOCAL {
            return self.locals[place * self.lanes + lane];
        }
        self.note(root, place, lane, access, site);
        let memory = &self.memories[root as usize - 1];
        if memory.space == AddressSpace::Private {
            return memory.words[place * self.lanes + lane];
        }
        let word = memory.words[place];
        if memory.space == AddressSpace::WorkGroup && !memory.written[place] {
            let name = memory.name.clone();
            self.find(site, format!("reads a word of `{name}` that nothing has written"));
        }
        word
    }

    fn write(&mut self, root: u32, place: usize, lane: usize, word: u32, access: Access, site: u32) {
        if root == LOCAL {
            self.locals[place * self.lanes + lane] = word;
            return;
        }
        self.note(root, place, lane, access, site);
        let memory = &mut self.memories[root as usize - 1];
        match memory.space {
            AddressSpace::Private => memory.words[place * self.lanes + lane] = word,
            AddressSpace::WorkGroup => (memory.words[place], memory.written[place]) = (word, true),
            _ => memory.words[place] = word,
        }
    }

    fn load(&mut self, pointer: usize, to: usize, size: usize, access: Access, site: u32, active: &[usize]) {
        for &lane in active {
            let (root, place) = (self.get(pointer, lane), self.get(pointer + 1, lane) as usize);
            for w in 0..size {
                let word = self.read(root, place + w, lane, access, site);
                self.set(to + w, lane, word);
            }
        }
    }

    /// Words of an element of a `base`, and how many it has; a runtime-sized array has as many as its buffer.
    fn elements(&self, inner: &TypeInner) -> (usize, Option<usize>) {
        let of = |ty: &Handle<Type>| words(self.module, &self.module.types[*ty].inner).expect("an element has a size");
        match inner {
            TypeInner::Array { base, size: ArraySize::Constant(count), .. } => (of(base), Some(count.get() as usize)),
            TypeInner::Array { base, .. } => (of(base), None),
            TypeInner::Vector { size, .. } => (1, Some(*size as usize)),
            TypeInner::Matrix { columns, rows, .. } => (*rows as usize, Some(*columns as usize)),
            TypeInner::ValuePointer { size: Some(size), .. } => (1, Some(*size as usize)),
            TypeInner::Pointer { base, .. } => self.elements(&self.module.types[*base].inner),
            other => panic!("no elements in {other:?}"),
        }
    }

    /// Words before member `index` of a struct, array or vector, or of what a pointer to one points to.
    fn words_before(&self, inner: &TypeInner, index: usize) -> usize {
        match inner {
            TypeInner::Struct { members, .. } => members[..index].iter().filter_map(|member| words(self.module, &self.module.types[member.ty].inner)).sum(),
            TypeInner::Pointer { base, .. } => self.words_before(&self.module.types[*base].inner, index),
            other => self.elements(other).0 * index,
        }
    }

    fn evaluate(&mut self, frame: Frame<'a>, handle: Handle<Expression>, active: &[usize]) {
        let function = frame.function;
        let site = self.site(function.expressions.get_span(handle));
        let to = self.at(frame, handle);
        let at = |it: Handle<Expression>| self.at(frame, it);
        match function.expressions[handle] {
            Expression::Literal(_) | Expression::Constant(_) | Expression::ZeroValue(_) => {
                for (w, word) in constant(self.module, &function.expressions, handle).into_iter().enumerate() {
                    active.iter().for_each(|&lane| self.set(to + w, lane, word));
                }
            }
            Expression::Compose { ref components, .. } => {
                let mut to = to;
                for component in components {
                    let (from, size) = (self.at(frame, *component), self.size(frame, *component));
                    self.copy(from, to, size, active);
                    to += size;
                }
            }
            Expression::Access { base, index } => {
                let (from, index, inner) = (at(base), at(index), self.inner(frame, base));
                let (size, count) = self.elements(inner);
                let is_pointer = inner.pointer_space().is_some();
                for &lane in active {
                    let mut i = self.get(index, lane) as usize;
                    let count = count.unwrap_or_else(|| self.memories[self.get(from, lane) as usize - 1].words.len() / size);
                    if i >= count {
                        self.find(site, format!("index {i} of {count}"));
                        i = 0;
                    }
                    if is_pointer {
                        self.set(to, lane, self.get(from, lane));
                        self.set(to + 1, lane, self.get(from + 1, lane) + (i * size) as u32);
                    } else {
                        (0..size).for_each(|w| self.set(to + w, lane, self.get(from + i * size + w, lane)));
                    }
                }
            }
            Expression::AccessIndex { base, index } => {
                let (from, inner) = (at(base), self.inner(frame, base));
                let before = self.words_before(inner, index as usize);
                if inner.pointer_space().is_some() {
                    for &lane in active {
                        self.set(to, lane, self.get(from, lane));
                        self.set(to + 1, lane, self.get(from + 1, lane) + before as u32);
                    }
                } else {
                    let size = self.size(frame, handle);
                    self.copy(from + before, to, size, active);
                }
            }
            Expression::Splat { size, value } => {
                let from = at(value);
                (0..size as usize).for_each(|w| self.copy(from, to + w, 1, active));
            }
            Expression::Swizzle { size, vector, pattern } => {
                let from = at(vector);
                (0..size as usize).for_each(|w| self.copy(from + pattern[w] as usize, to + w, 1, active));
            }
            Expression::FunctionArgument(number) => {
                let before: usize = function.arguments[..number as usize].iter().map(|it| argument_words(self.module, it.ty)).sum();
                let size = argument_words(self.module, function.arguments[number as usize].ty);
                self.copy(frame.arguments + before, to, size, active);
            }
            Expression::GlobalVariable(variable) => {
                for &lane in active {
                    self.set(to, lane, variable.index() as u32 + 1);
                    self.set(to + 1, lane, 0);
                }
            }
            Expression::LocalVariable(variable) => {
                let before = function.local_variables.iter().take_while(|(other, _)| *other != variable);
                let before: usize = before.map(|(_, local)| words(self.module, &self.module.types[local.ty].inner).expect("a size")).sum();
                for &lane in active {
                    self.set(to, lane, LOCAL);
                    self.set(to + 1, lane, (frame.variables + before) as u32);
                }
            }
            Expression::Load { pointer } => {
                let (from, size) = (at(pointer), self.size(frame, handle));
                let access = if self.is_atomic(frame, pointer) { Access::Atomic } else { Access::Read };
                self.load(from, to, size, access, site, active);
            }
            Expression::Unary { op, expr } => {
                let (from, size, kind) = (at(expr), self.size(frame, handle), self.kind(frame, expr));
                for w in 0..size {
                    for &lane in active {
                        let word = self.get(from + w, lane);
                        let word = match (op, kind) {
                            (UnaryOperator::Negate, ScalarKind::Float) => word ^ 0x8000_0000,
                            (UnaryOperator::Negate, _) => word.wrapping_neg(),
                            (UnaryOperator::LogicalNot, _) => u32::from(word == 0),
                            (UnaryOperator::BitwiseNot, _) => !word,
                        };
                        self.set(to + w, lane, word);
                    }
                }
            }
            Expression::Binary { op, left, right } => {
                let (l, r, kind) = (at(left), at(right), self.kind(frame, left));
                assert!(!matches!(self.inner(frame, left), TypeInner::Matrix { .. }) && !matches!(self.inner(frame, right), TypeInner::Matrix { .. }));
                let (size, of_left, of_right) = (self.size(frame, handle), self.size(frame, left) > 1, self.size(frame, right) > 1);
                for w in 0..size {
                    for &lane in active {
                        let (a, b) = (self.get(l + w * usize::from(of_left), lane), self.get(r + w * usize::from(of_right), lane));
                        self.set(to + w, lane, binary(op, kind, a, b));
                    }
                }
            }
            Expression::Select { condition, accept, reject } => {
                let (condition_at, yes, no, size) = (at(condition), at(accept), at(reject), self.size(frame, handle));
                let each = usize::from(self.size(frame, condition) > 1);
                for w in 0..size {
                    for &lane in active {
                        let from = if self.get(condition_at + w * each, lane) != 0 { yes } else { no };
                        self.set(to + w, lane, self.get(from + w, lane));
                    }
                }
            }
            Expression::Relational { fun, argument } => {
                let (from, size) = (at(argument), self.size(frame, argument));
                for &lane in active {
                    let of = |w: usize| self.get(from + w, lane);
                    match fun {
                        RelationalFunction::All => self.set(to, lane, u32::from((0..size).all(|w| of(w) != 0))),
                        RelationalFunction::Any => self.set(to, lane, u32::from((0..size).any(|w| of(w) != 0))),
                        RelationalFunction::IsNan | RelationalFunction::IsInf => panic!("WGSL has no {fun:?}"),
                    }
                }
            }
            Expression::Math { fun, arg, arg1, arg2, arg3 } => {
                let arguments: Vec<(usize, usize)> =
                    [Some(arg), arg1, arg2, arg3].into_iter().flatten().map(|it| (self.at(frame, it), self.size(frame, it))).collect();
                let (kind, size) = (self.kind(frame, arg), self.size(frame, handle));
                for &lane in active {
                    let vectors: Vec<Vec<u32>> = arguments.iter().map(|&(at, size)| (0..size).map(|w| self.get(at + w, lane)).collect()).collect();
                    for (w, word) in math(fun, kind, &vectors, size).into_iter().enumerate() {
                        self.set(to + w, lane, word);
                    }
                }
            }
            Expression::As { expr, kind, convert } => {
                let (from, size, old) = (at(expr), self.size(frame, handle), self.kind(frame, expr));
                for w in 0..size {
                    for &lane in active {
                        let word = self.get(from + w, lane);
                        self.set(to + w, lane, if convert.is_some() { converted(old, kind, word) } else { word });
                    }
                }
            }
            Expression::ArrayLength(pointer) => {
                let (from, size) = (at(pointer), self.elements(self.inner(frame, pointer)).0);
                for &lane in active {
                    let length = self.memories[self.get(from, lane) as usize - 1].words.len() / size;
                    self.set(to, lane, length as u32);
                }
            }
            // Statements write these.
            Expression::CallResult(_)
            | Expression::AtomicResult { .. }
            | Expression::WorkGroupUniformLoadResult { .. }
            | Expression::SubgroupBallotResult
            | Expression::SubgroupOperationResult { .. } => {}
            ref other => panic!("{other:?} is not executed"),
        }
    }

    fn kind(&self, frame: Frame<'a>, expression: Handle<Expression>) -> ScalarKind {
        self.inner(frame, expression).scalar().map_or(ScalarKind::Uint, |Scalar { kind, .. }| kind)
    }
}

/// Words of a value of a type, one for each scalar; a pointer has two. None for arrays whose size is that of a buffer.
fn words(module: &Module, inner: &TypeInner) -> Option<usize> {
    let of = |ty: &Handle<Type>| words(module, &module.types[*ty].inner);
    match inner {
        TypeInner::Scalar(_) | TypeInner::Atomic(_) => Some(1),
        TypeInner::Vector { size, .. } => Some(*size as usize),
        TypeInner::Matrix { columns, rows, .. } => Some(*columns as usize * *rows as usize),
        TypeInner::Array { base, size: ArraySize::Constant(count), .. } => Some(of(base)? * count.get() as usize),
        TypeInner::Array { .. } => None,
        TypeInner::Struct { members, .. } => members.iter().map(|member| of(&member.ty)).sum(),
        TypeInner::Pointer { .. } | TypeInner::ValuePointer { .. } => Some(2),
        other => panic!("no values of {other:?}"),
    }
}

fn argument_words(module: &Module, ty: Handle<Type>) -> usize {
    words(module, &module.types[ty].inner).expect("an argument has a size")
}

/// Buffers must have their words where values have them: without gaps.
fn assert_packed(module: &Module, ty: Handle<Type>) {
    match &module.types[ty].inner {
        TypeInner::Array { base, stride, .. } => {
            assert_eq!(*stride as usize, 4 * argument_words(module, *base), "gaps between elements");
            assert_packed(module, *base);
        }
        TypeInner::Struct { members, .. } => {
            let mut before = 0;
            for member in members {
                assert_eq!(member.offset as usize, 4 * before, "a gap before {:?}", member.name);
                before += argument_words(module, member.ty);
                assert_packed(module, member.ty);
            }
        }
        _ => {}
    }
}

fn registers(module: &Module, function: &Function, info: &FunctionInfo) -> Registers {
    let mut next = 0;
    let first = function.expressions.iter().map(|(handle, _)| {
        let resolution: &TypeResolution = &info[handle].ty;
        let own = next;
        // A runtime-sized array is only ever pointed to.
        next += words(module, resolution.inner_with(&module.types)).unwrap_or(0);
        own
    });
    Registers { first: first.collect(), words: next }
}

/// The words of a constant expression.
fn constant(module: &Module, expressions: &Arena<Expression>, handle: Handle<Expression>) -> Vec<u32> {
    let of = |it: &Handle<Expression>| constant(module, expressions, *it);
    match &expressions[handle] {
        Expression::Literal(literal) => vec![match *literal {
            Literal::F32(value) => value.to_bits(),
            Literal::U32(value) => value,
            Literal::I32(value) => value as u32,
            Literal::Bool(value) => u32::from(value),
            ref other => panic!("{other:?} is not executed"),
        }],
        Expression::Constant(it) => constant(module, &module.global_expressions, module.constants[*it].init),
        Expression::ZeroValue(ty) => vec![0; argument_words(module, *ty)],
        Expression::Compose { components, .. } => components.iter().flat_map(of).collect(),
        Expression::Splat { size, value } => of(value).repeat(*size as usize),
        other => panic!("{other:?} is no constant"),
    }
}

fn f(word: u32) -> f32 {
    f32::from_bits(word)
}

fn binary(op: BinaryOperator, kind: ScalarKind, a: u32, b: u32) -> u32 {
    use BinaryOperator as Op;
    use ScalarKind::{Float, Sint};
    let truth = u32::from;
    match (op, kind) {
        (Op::Add, Float) => (f(a) + f(b)).to_bits(),
        (Op::Subtract, Float) => (f(a) - f(b)).to_bits(),
        (Op::Multiply, Float) => (f(a) * f(b)).to_bits(),
        (Op::Divide, Float) => (f(a) / f(b)).to_bits(),
        (Op::Modulo, Float) => (f(a) % f(b)).to_bits(),
        (Op::Add, _) => a.wrapping_add(b),
        (Op::Subtract, _) => a.wrapping_sub(b),
        (Op::Multiply, _) => a.wrapping_mul(b),
        // What WGSL says of division by zero.
        (Op::Divide, Sint) => (a as i32).checked_div(b as i32).map_or(a, |it| it as u32),
        (Op::Modulo, Sint) => (a as i32).checked_rem(b as i32).map_or(0, |it| it as u32),
        (Op::Divide, _) => a.checked_div(b).unwrap_or(a),
        (Op::Modulo, _) => a.checked_rem(b).unwrap_or(0),
        (Op::Equal, Float) => truth(f(a) == f(b)),
        (Op::NotEqual, Float) => truth(f(a) != f(b)),
        (Op::Less, Float) => truth(f(a) < f(b)),
        (Op::LessEqual, Float) => truth(f(a) <= f(b)),
        (Op::Greater, Float) => truth(f(a) > f(b)),
        (Op::GreaterEqual, Float) => truth(f(a) >= f(b)),
        (Op::Equal, _) => truth(a == b),
        (Op::NotEqual, _) => truth(a != b),
        (Op::Less, Sint) => truth((a as i32) < b as i32),
        (Op::LessEqual, Sint) => truth(a as i32 <= b as i32),
        (Op::Greater, Sint) => truth(a as i32 > b as i32),
        (Op::GreaterEqual, Sint) => truth(a as i32 >= b as i32),
        (Op::Less, _) => truth(a < b),
        (Op::LessEqual, _) => truth(a <= b),
        (Op::Greater, _) => truth(a > b),
        (Op::GreaterEqual, _) => truth(a >= b),
        (Op::And | Op::LogicalAnd, _) => a & b,
        (Op::InclusiveOr | Op::LogicalOr, _) => a | b,
        (Op::ExclusiveOr, _) => a ^ b,
        (Op::ShiftLeft, _) => a << (b % 32),
        (Op::ShiftRight, Sint) => (a as i32 >> (b % 32)) as u32,
        (Op::ShiftRight, _) => a >> (b % 32),
    }
}

fn converted(from: ScalarKind, to: ScalarKind, word: u32) -> u32 {
    use ScalarKind::{Bool, Float, Sint, Uint};
    match (from, to) {
        (Float, Uint) => f(word) as u32,
        (Float, Sint) => f(word) as i32 as u32,
        (Float, Bool) => u32::from(f(word) != 0.0),
        (Sint, Float) => (word as i32 as f32).to_bits(),
        (Uint | Bool, Float) => (word as f32).to_bits(),
        (_, Bool) => u32::from(word != 0),
        _ => word,
    }
}

fn collected(op: SubgroupOperation, kind: ScalarKind, a: u32, b: u32) -> u32 {
    use SubgroupOperation as Op;
    match op {
        Op::All | Op::And => a & b,
        Op::Any | Op::Or => a | b,
        Op::Xor => a ^ b,
        Op::Add => binary(BinaryOperator::Add, kind, a, b),
        Op::Mul => binary(BinaryOperator::Multiply, kind, a, b),
        Op::Min => math(MathFunction::Min, kind, &[vec![a], vec![b]], 1)[0],
        Op::Max => math(MathFunction::Max, kind, &[vec![a], vec![b]], 1)[0],
    }
}

/// A function of vectors, or of each component of vectors, with `size` words.
fn math(fun: MathFunction, kind: ScalarKind, arguments: &[Vec<u32>], size: usize) -> Vec<u32> {
    use MathFunction as Fun;
    let dot = |a: &[u32], b: &[u32]| match kind {
        ScalarKind::Float => a.iter().zip(b).map(|(&a, &b)| f(a) * f(b)).sum::<f32>().to_bits(),
        _ => a.iter().zip(b).fold(0, |sum: u32, (&a, &b)| sum.wrapping_add(a.wrapping_mul(b))),
    };
    let length = |a: &[u32]| f(dot(a, a)).sqrt();
    match fun {
        Fun::Dot => return vec![dot(&arguments[0], &arguments[1])],
        Fun::Length => return vec![length(&arguments[0]).to_bits()],
        Fun::Normalize => return arguments[0].iter().map(|&x| (f(x) / length(&arguments[0])).to_bits()).collect(),
        Fun::Distance => {
            let between: Vec<u32> = arguments[0].iter().zip(&arguments[1]).map(|(&a, &b)| (f(a) - f(b)).to_bits()).collect();
            return vec![length(&between).to_bits()];
        }
        _ => {}
    }
    let component = |w: usize| {
        // `mix` may have one factor for all components.
        let of = |number: usize| arguments[number][if arguments[number].len() > 1 { w } else { 0 }];
        let [a, b, c] = [0, 1, 2].map(|number| if number < arguments.len() { of(number) } else { 0 });
        match kind {
            ScalarKind::Float => of_floats(fun, f(a), f(b), f(c)).to_bits(),
            ScalarKind::Sint => of_integers(fun, a as i32, b as i32, c as i32) as u32,
            _ => of_words(fun, a, b, c),
        }
    };
    (0..size).map(component).collect()
}

fn of_floats(fun: MathFunction, a: f32, b: f32, c: f32) -> f32 {
    use MathFunction as Fun;
    match fun {
        Fun::Abs => a.abs(),
        Fun::Min => a.min(b),
        Fun::Max => a.max(b),
        Fun::Clamp => a.max(b).min(c),
        Fun::Saturate => a.clamp(0.0, 1.0),
        Fun::Cos => a.cos(),
        Fun::Sin => a.sin(),
        Fun::Tan => a.tan(),
        Fun::Cosh => a.cosh(),
        Fun::Sinh => a.sinh(),
        Fun::Tanh => a.tanh(),
        Fun::Acos => a.acos(),
        Fun::Asin => a.asin(),
        Fun::Atan => a.atan(),
        Fun::Atan2 => a.atan2(b),
        Fun::Ceil => a.ceil(),
        Fun::Floor => a.floor(),
        Fun::Round => a.round_ties_even(),
        Fun::Fract => a - a.floor(),
        Fun::Trunc => a.trunc(),
        Fun::Exp => a.exp(),
        Fun::Exp2 => a.exp2(),
        Fun::Log => a.ln(),
        Fun::Log2 => a.log2(),
        Fun::Pow => a.powf(b),
        Fun::Sqrt => a.sqrt(),
        Fun::InverseSqrt => 1.0 / a.sqrt(),
        Fun::Fma => a.mul_add(b, c),
        Fun::Mix => a * (1.0 - c) + b * c,
        Fun::Step => f32::from(u8::from(a <= b)),
        Fun::Sign if a == 0.0 => 0.0,
        Fun::Sign => a.signum(),
        Fun::SmoothStep => {
            let t = ((c - a) / (b - a)).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        }
        other => panic!("{other:?} of floats is not executed"),
    }
}

fn of_integers(fun: MathFunction, a: i32, b: i32, c: i32) -> i32 {
    use MathFunction as Fun;
    match fun {
        Fun::Abs => a.wrapping_abs(),
        Fun::Min => a.min(b),
        Fun::Max => a.max(b),
        Fun::Clamp => a.max(b).min(c),
        Fun::Sign => a.signum(),
        other => of_words(other, a as u32, b as u32, c as u32) as i32,
    }
}

fn of_words(fun: MathFunction, a: u32, b: u32, c: u32) -> u32 {
    use MathFunction as Fun;
    match fun {
        Fun::Abs => a,
        Fun::Min => a.min(b),
        Fun::Max => a.max(b),
        Fun::Clamp => a.max(b).min(c),
        Fun::CountOneBits => a.count_ones(),
        Fun::CountTrailingZeros => a.trailing_zeros(),
        Fun::CountLeadingZeros => a.leading_zeros(),
        Fun::ReverseBits => a.reverse_bits(),
        Fun::FirstTrailingBit => {
            if a == 0 {
                u32::MAX
            } else {
                a.trailing_zeros()
            }
        }
        Fun::FirstLeadingBit => {
            if a == 0 {
                u32::MAX
            } else {
                31 - a.leading_zeros()
            }
        }
        other => panic!("{other:?} of words is not executed"),
    }
}
