//! A trace as the body of a WGSL function. What nothing asks for is left out, and what only a branch needs is computed in it.

use crate::physics::traced::{Binary, Condition, Operation, Statement, Trace, Traced, Unary};
use std::collections::{HashMap, HashSet};

/// Longest expression that is written where it is used, rather than given a name.
const LONGEST_INLINE: usize = 60;

/// The statements that compute the `outputs` of a trace, each of which is stored to the place that its text names; and the names of conditions among them.
pub fn body(trace: &Trace, outputs: &[(String, Traced)]) -> (String, HashSet<String>) {
    let live = Live::new(trace, outputs);
    let places = places(trace, &live, outputs);
    let users = users(trace, &live, &places, outputs);
    let mut of_blocks = vec![Vec::new(); trace.blocks.len()];
    places.iter().enumerate().for_each(|(value, place)| place.iter().for_each(|&block| of_blocks[block].push(value)));
    let mut printer = Printer {
        trace,
        live,
        places,
        users,
        of_blocks,
        texts: HashMap::new(),
        variables: HashMap::new(),
        names: HashMap::new(),
        conditions: HashSet::new(),
        text: String::new(),
        section: 0,
    };
    printer.block(0, outputs, 1);
    (printer.text, printer.conditions)
}

/// The numbers and conditions that something uses, by index of their values.
fn operands(operation: Operation) -> impl Iterator<Item = usize> {
    let found = match operation {
        Operation::Input(_) | Operation::Read(..) => [None; 3],
        Operation::Unary(_, a) | Operation::Bit(_, a) => [of_number(a), None, None],
        Operation::Binary(_, a, b) => [of_number(a), of_number(b), None],
        Operation::Select(condition, a, b) => [of_condition(condition), of_number(a), of_number(b)],
    };
    found.into_iter().flatten()
}

fn of_condition(condition: Condition) -> Option<usize> {
    match condition {
        Condition::Constant(_) => None,
        Condition::Value(value) => Some(value),
    }
}

fn of_number(number: Traced) -> Option<usize> {
    match number {
        Traced::Constant(_) => None,
        Traced::Value(value) => Some(value),
    }
}

/// The bit of a list, 32 in a word, at an index.
fn bit(words: &[u32], index: &str) -> String {
    let integer = format!("u32({index})");
    let mut word = format!("{}u", words[words.len() - 1]);
    for (w, other) in words.iter().enumerate().rev().skip(1) {
        word = format!("select({word}, {other}u, {integer} < {}u)", 32 * (w + 1));
    }
    let place = if words.len() > 1 { format!("({integer} & 31u)") } else { integer };
    format!("f32(({word} >> {place}) & 1u)")
}

/// What the outputs depend on.
struct Live {
    values: Vec<bool>,
    variables: Vec<bool>,
    blocks: Vec<bool>,
}

impl Live {
    fn new(trace: &Trace, outputs: &[(String, Traced)]) -> Self {
        let mut live = Live { values: vec![false; trace.values.len()], variables: vec![false; trace.variables], blocks: vec![false; trace.blocks.len()] };
        live.blocks[0] = true;
        let mut assigned: Vec<Vec<(usize, Traced)>> = vec![Vec::new(); trace.variables];
        let mut conditions: Vec<Vec<usize>> = vec![Vec::new(); trace.blocks.len()];
        for (b, block) in trace.blocks.iter().enumerate() {
            for statement in &block.statements {
                match statement {
                    Statement::Declare(variable, initial) => assigned[*variable].push((b, *initial)),
                    Statement::Assign(values) => values.iter().for_each(|&(variable, value)| assigned[variable].push((b, value))),
                    Statement::Branch(condition, inner) => conditions[*inner].extend(of_condition(*condition)),
                    Statement::Break(condition) => conditions[b].extend(of_condition(*condition)),
                    Statement::Loop(..) => {}
                }
            }
        }
        let mut wanted: Vec<usize> = outputs.iter().filter_map(|&(_, value)| of_number(value)).collect();
        while let Some(value) = wanted.pop() {
            if std::mem::replace(&mut live.values[value], true) {
                continue;
            }
            let operation = trace.values[value].operation;
            wanted.extend(operands(operation));
            let Operation::Read(variable, _) = operation else { continue };
            if std::mem::replace(&mut live.variables[variable], true) {
                continue;
            }
            for &(block, value) in &assigned[variable] {
                wanted.extend(of_number(value));
                let mut around = Some(block);
                while let Some(block) = around.filter(|&block| !std::mem::replace(&mut live.blocks[block], true)) {
                    wanted.extend(&conditions[block]);
                    around = trace.blocks[block].parent;
                }
            }
        }
        live
    }

    /// The values that a live statement uses itself.
    fn used_by(&self, statement: &Statement) -> Vec<usize> {
        match statement {
            Statement::Declare(variable, initial) if self.variables[*variable] => of_number(*initial).into_iter().collect(),
            Statement::Assign(values) => values.iter().filter(|(variable, _)| self.variables[*variable]).filter_map(|&(_, value)| of_number(value)).collect(),
            Statement::Branch(condition, block) if self.blocks[*block] => of_condition(*condition).into_iter().collect(),
            Statement::Break(condition) => of_condition(*condition).into_iter().collect(),
            Statement::Declare(..) | Statement::Branch(..) | Statement::Loop(..) => Vec::new(),
        }
    }
}

/// The block in which each value is computed: the innermost one around everything that uses it, but not within a loop that it is outside of.
fn places(trace: &Trace, live: &Live, outputs: &[(String, Traced)]) -> Vec<Option<usize>> {
    let depth = |mut block: usize| {
        let mut depth = 0;
        while let Some(parent) = trace.blocks[block].parent {
            (block, depth) = (parent, depth + 1);
        }
        depth
    };
    let common = |a: Option<usize>, mut b: usize| {
        let Some(mut a) = a else { return b };
        while a != b {
            let deeper = if depth(a) >= depth(b) { &mut a } else { &mut b };
            *deeper = trace.blocks[*deeper].parent.expect("both are in the first block");
        }
        a
    };
    let mut places: Vec<Option<usize>> = vec![None; trace.values.len()];
    for value in outputs.iter().filter_map(|&(_, value)| of_number(value)) {
        places[value] = Some(0);
    }
    for (b, block) in trace.blocks.iter().enumerate().filter(|&(b, _)| live.blocks[b]) {
        for value in block.statements.iter().flat_map(|statement| live.used_by(statement)) {
            places[value] = Some(common(places[value], b));
        }
    }
    for value in (0..trace.values.len()).rev() {
        let Some(wanted) = places[value] else { continue };
        let (mut block, mut place) = (wanted, wanted);
        while block != trace.values[value].block {
            let parent = trace.blocks[block].parent.expect("a value is used in the block that it is computed in");
            if trace.blocks[block].repeated {
                place = parent;
            }
            block = parent;
        }
        places[value] = Some(place);
        for operand in operands(trace.values[value].operation) {
            places[operand] = Some(common(places[operand], place));
        }
    }
    places
}

/// What uses a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    Nothing,
    /// One expression, in this block.
    InBlock(usize),
    Several,
}

fn users(trace: &Trace, live: &Live, places: &[Option<usize>], outputs: &[(String, Traced)]) -> Vec<User> {
    let mut users = vec![User::Nothing; trace.values.len()];
    let mut note = |value: usize, user: User| users[value] = if users[value] == User::Nothing { user } else { User::Several };
    outputs.iter().filter_map(|&(_, value)| of_number(value)).for_each(|value| note(value, User::InBlock(0)));
    for (b, block) in trace.blocks.iter().enumerate().filter(|&(b, _)| live.blocks[b]) {
        for statement in &block.statements {
            // What is assigned at the end of a round must be computed before.
            let user = if matches!(statement, Statement::Assign(_)) && block.repeated { User::Several } else { User::InBlock(b) };
            live.used_by(statement).into_iter().for_each(|value| note(value, user));
        }
    }
    for (value, place) in trace.values.iter().zip(places) {
        if let Some(place) = *place {
            operands(value.operation).for_each(|operand| note(operand, User::InBlock(place)));
        }
    }
    users
}

/// How tightly the parts of an expression hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Comparison,
    Sum,
    Product,
    Unary,
    Primary,
}

struct Printer<'a> {
    trace: &'a Trace,
    live: Live,
    places: Vec<Option<usize>>,
    users: Vec<User>,
    /// The values that are computed in each block.
    of_blocks: Vec<Vec<usize>>,
    /// How a value is written where it is used.
    texts: HashMap<usize, (String, Binding)>,
    variables: HashMap<usize, String>,
    /// How many names begin with each text.
    names: HashMap<String, usize>,
    /// The names of values that are conditions.
    conditions: HashSet<String>,
    text: String,
    /// The section whose title was written last.
    section: usize,
}

impl Printer<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        self.text += &"    ".repeat(depth);
        self.text += line;
        self.text.push('\n');
    }

    /// `base`, or that with a number if it is taken.
    fn name(&mut self, base: &str) -> String {
        let count = self.names.entry(base.into()).or_default();
        *count += 1;
        if *count == 1 {
            return base.into();
        }
        let numbered = format!("{base}_{count}");
        if self.names.contains_key(&numbered) { self.name(base) } else { self.name(&numbered) }
    }

    fn block(&mut self, b: usize, outputs: &[(String, Traced)], depth: usize) {
        let trace = self.trace;
        for statement in &trace.blocks[b].statements {
            let mut wanted = self.live.used_by(statement);
            if let Statement::Branch(_, inner) | Statement::Loop(_, inner) = statement {
                if !self.live.blocks[*inner] {
                    continue;
                }
                self.used_within(*inner, &mut wanted);
            }
            self.compute(b, wanted, depth);
            self.statement(statement, depth);
        }
        if b == 0 {
            self.compute(b, outputs.iter().filter_map(|&(_, value)| of_number(value)).collect(), depth);
            for (target, value) in outputs {
                let value = self.number(*value, Binding::Comparison);
                self.line(depth, &format!("{target} = {value};"));
            }
        }
    }

    /// Adds what a block and those in it use of values that are computed elsewhere.
    fn used_within(&self, block: usize, wanted: &mut Vec<usize>) {
        let is_within = |mut other: usize| {
            while other != block {
                match self.trace.blocks[other].parent {
                    Some(parent) => other = parent,
                    None => return false,
                }
            }
            true
        };
        for (b, inner) in self.trace.blocks.iter().enumerate().skip(block).filter(|&(b, _)| self.live.blocks[b] && is_within(b)) {
            wanted.extend(inner.statements.iter().flat_map(|statement| self.live.used_by(statement)));
            wanted.extend(self.of_blocks[b].iter().flat_map(|&value| operands(self.trace.values[value].operation)));
        }
    }

    /// Writes the values that are wanted, and what they are computed from, as far as they belong to block `b` and are not there yet.
    fn compute(&mut self, b: usize, mut wanted: Vec<usize>, depth: usize) {
        let mut missing = HashSet::new();
        while let Some(value) = wanted.pop() {
            if self.places[value] == Some(b) && !self.texts.contains_key(&value) && missing.insert(value) {
                wanted.extend(operands(self.trace.values[value].operation));
            }
        }
        let mut missing: Vec<usize> = missing.into_iter().collect();
        missing.sort_unstable();
        for value in missing {
            self.value(b, value, depth);
        }
    }

    fn value(&mut self, b: usize, value: usize, depth: usize) {
        let known = &self.trace.values[value];
        if let Operation::Read(variable, _) = known.operation {
            let name = self.variables[&variable].clone();
            self.texts.insert(value, (name, Binding::Primary));
            return;
        }
        let (expression, binding) = self.expression(known.operation);
        let is_input = matches!(known.operation, Operation::Input(_));
        let inline = self.users[value] == User::InBlock(b) && known.name.is_none() && !is_input && expression.len() <= LONGEST_INLINE;
        if inline {
            self.texts.insert(value, (expression, binding));
            return;
        }
        // Inputs are in none.
        if known.section != self.section && known.section > 0 {
            self.section = known.section;
            // Names in it may contain anything.
            let title: String = self.trace.sections[known.section].chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c }).collect();
            let title = format!("// {title}");
            self.line(depth, &title);
        }
        let name = self.name(known.name.as_deref().unwrap_or("x"));
        self.line(depth, &format!("let {name} = {expression};"));
        if matches!(known.operation, Operation::Binary(Binary::Less, ..)) {
            self.conditions.insert(name.clone());
        }
        self.texts.insert(value, (name, Binding::Primary));
    }

    fn number(&self, number: Traced, least: Binding) -> String {
        match number {
            // The text of the nearest f32, with a point.
            Traced::Constant(value) => format!("{:?}", value as f32),
            Traced::Value(value) => self.in_expression(value, least),
        }
    }

    fn condition(&self, condition: Condition) -> String {
        match condition {
            Condition::Constant(value) => value.to_string(),
            Condition::Value(value) => self.in_expression(value, Binding::Comparison),
        }
    }

    fn in_expression(&self, value: usize, least: Binding) -> String {
        let (text, binding) = &self.texts[&value];
        if *binding >= least { text.clone() } else { format!("({text})") }
    }

    fn expression(&self, operation: Operation) -> (String, Binding) {
        let any = |number| self.number(number, Binding::Comparison);
        match operation {
            Operation::Input(input) => (self.trace.inputs[input].clone(), Binding::Primary),
            Operation::Read(variable, _) => (self.variables[&variable].clone(), Binding::Primary),
            Operation::Unary(Unary::Negate, a) => (format!("-{}", self.number(a, Binding::Primary)), Binding::Unary),
            Operation::Unary(function, a) => {
                let function = match function {
                    Unary::HighestBit => return (format!("f32(firstLeadingBit(u32({})))", any(a)), Binding::Primary),
                    Unary::PowerOfTwo => return (format!("f32(1u << u32({}))", any(a)), Binding::Primary),
                    Unary::Sin => "precise_sin",
                    Unary::Cos => "precise_cos",
                    Unary::Sqrt => "sqrt",
                    Unary::Abs | Unary::Negate => "abs",
                };
                (format!("{function}({})", any(a)), Binding::Primary)
            }
            Operation::Binary(function, a, b) => {
                let (sign, binding, right) = match function {
                    Binary::Max => return (format!("max({}, {})", any(a), any(b)), Binding::Primary),
                    Binary::Min => return (format!("min({}, {})", any(a), any(b)), Binding::Primary),
                    Binary::Add => ("+", Binding::Sum, Binding::Sum),
                    Binary::Subtract => ("-", Binding::Sum, Binding::Product),
                    Binary::Multiply => ("*", Binding::Product, Binding::Product),
                    Binary::Divide => ("/", Binding::Product, Binding::Unary),
                    Binary::Less => ("<", Binding::Comparison, Binding::Sum),
                };
                let left = if function == Binary::Less { Binding::Sum } else { binding };
                (format!("{} {sign} {}", self.number(a, left), self.number(b, right)), binding)
            }
            Operation::Select(condition, yes, no) => (format!("select({}, {}, {})", any(no), any(yes), self.condition(condition)), Binding::Primary),
            Operation::Bit(list, index) => (bit(&self.trace.bits[list], &any(index)), Binding::Primary),
        }
    }

    fn statement(&mut self, statement: &Statement, depth: usize) {
        match statement {
            Statement::Declare(variable, initial) => {
                if self.live.variables[*variable] {
                    let base = of_number(*initial).and_then(|value| self.trace.values[value].name.clone()).unwrap_or("s".into());
                    let name = self.name(&base);
                    let initial = self.number(*initial, Binding::Comparison);
                    self.line(depth, &format!("var {name} = {initial};"));
                    self.variables.insert(*variable, name);
                }
            }
            Statement::Assign(values) => self.assign(values, depth),
            Statement::Branch(condition, block) => {
                let condition = self.condition(*condition);
                self.line(depth, &format!("if ({condition}) {{"));
                self.block(*block, &[], depth + 1);
                self.line(depth, "}");
            }
            Statement::Loop(most, block) => {
                let round = self.name("round");
                self.line(depth, &format!("for (var {round} = 0u; {round} < {most}u; {round}++) {{"));
                self.block(*block, &[], depth + 1);
                self.line(depth, "}");
            }
            Statement::Break(condition) => {
                let condition = self.condition(*condition);
                self.line(depth, &format!("if ({condition}) {{"));
                self.line(depth + 1, "break;");
                self.line(depth, "}");
            }
        }
    }

    fn assign(&mut self, values: &[(usize, Traced)], depth: usize) {
        let mut before = HashSet::new();
        let mut lines = Vec::new();
        for &(variable, value) in values {
            if !self.live.variables[variable] {
                continue;
            }
            let mut text = self.number(value, Binding::Comparison);
            // A variable whose new value is there already.
            if let Some(Operation::Read(other, _)) = of_number(value).map(|value| self.trace.values[value].operation)
                && before.contains(&other)
            {
                let name = self.name(&format!("old_{text}"));
                self.line(depth, &format!("let {name} = {text};"));
                text = name;
            }
            before.insert(variable);
            lines.push(format!("{} = {text};", self.variables[&variable]));
        }
        lines.iter().for_each(|line| self.line(depth, line));
    }
}
