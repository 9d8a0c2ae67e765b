//! Numbers that record what is computed with them. The trace, a program of straight lines, branches and loops, is printed as WGSL by [`crate::physics::print`].
//!
//! Constants fold, what was computed before in a block or around it is found again, and zeros and ones vanish: a planar model becomes planar code by itself.

use crate::physics::number::{BITS, Number};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number: a constant, or a value of the trace of this thread.
#[derive(Debug, Clone, Copy)]
pub enum Traced {
    /// A constant.
    Constant(f64),
    /// A value, by its index.
    Value(usize),
}

/// Whether a comparison holds: known, or a value of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Known.
    Constant(bool),
    /// A value, by its index.
    Value(usize),
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unary {
    /// −x.
    Negate,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// Square root.
    Sqrt,
    /// |x|.
    Abs,
    /// Position of an integer's highest bit.
    HighestBit,
    /// 2 to the power of an integer.
    PowerOfTwo,
}

/// A function of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binary {
    /// a + b.
    Add,
    /// a − b.
    Subtract,
    /// a × b.
    Multiply,
    /// a / b.
    Divide,
    /// The larger one.
    Max,
    /// The smaller one.
    Min,
    /// Whether a < b: a condition.
    Less,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The input of this index.
    Input(usize),
    /// A function of one number.
    Unary(Unary, Traced),
    /// A function of two numbers.
    Binary(Binary, Traced, Traced),
    /// The first number where the condition holds, else the second.
    Select(Condition, Traced, Traced),
    /// A variable; the second number tells its values at different times apart.
    Read(usize, usize),
    /// The bit, 0 or 1, of a list of bits at an index.
    Bit(usize, Traced),
}

/// A value of the trace.
#[derive(Debug, Clone)]
pub struct Value {
    /// What it is.
    pub operation: Operation,
    /// The block in which it was first computed.
    pub block: usize,
    /// Name, which may be that of others, too.
    pub name: Option<String>,
    /// Index of the section in which it was computed.
    pub section: usize,
}

/// What a block does, beside computing values.
#[derive(Debug, Clone)]
pub enum Statement {
    /// Gives a new variable its first value.
    Declare(usize, Traced),
    /// Gives variables new values, all at once.
    Assign(Vec<(usize, Traced)>),
    /// Executes a block where a condition holds.
    Branch(Condition, usize),
    /// Repeats a block, at most so many times.
    Loop(usize, usize),
    /// Leaves the innermost loop where a condition holds.
    Break(Condition),
}

/// A sequence of statements.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// The block that it is in.
    pub parent: Option<usize>,
    /// Whether it is repeated.
    pub repeated: bool,
    /// What it does.
    pub statements: Vec<Statement>,
}

/// Everything that was recorded.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The values, operands before what is computed from them.
    pub values: Vec<Value>,
    /// The blocks; the first one is the whole.
    pub blocks: Vec<Block>,
    /// Number of variables.
    pub variables: usize,
    /// Texts that inputs stand for.
    pub inputs: Vec<String>,
    /// Lists of bits, 32 in a word, the first one the lowest.
    pub bits: Vec<Vec<u32>>,
    /// Titles of sections.
    pub sections: Vec<String>,
    /// The block that is being recorded.
    current: usize,
    /// The value of each operation that is computed in the current block or around it.
    known: HashMap<Operation, usize>,
}

thread_local! {
    static TRACE: RefCell<Trace> = RefCell::new(Trace::default());
}

impl Default for Trace {
    fn default() -> Self {
        Trace {
            values: Vec::new(),
            blocks: vec![Block::default()],
            variables: 0,
            inputs: Vec::new(),
            bits: Vec::new(),
            sections: vec![String::new()],
            current: 0,
            known: HashMap::new(),
        }
    }
}

/// What `body` computes, and its trace.
pub fn record<T>(body: impl FnOnce() -> T) -> (Trace, T) {
    let outer = TRACE.take();
    let result = body();
    (TRACE.replace(outer), result)
}

fn with<T>(change: impl FnOnce(&mut Trace) -> T) -> T {
    TRACE.with_borrow_mut(change)
}

/// Entries of a list that are selected one by one, though they are integers.
const MOST_SELECTED: usize = 4;

/// The integers that a list is made of, if it is.
fn integers(list: &[Traced]) -> Option<Vec<u32>> {
    let integer = |entry: &Traced| match *entry {
        Traced::Constant(value) => (0..1u32 << BITS).contains(&(value as u32)).then_some(value as u32).filter(|&integer| f64::from(integer) == value),
        Traced::Value(_) => None,
    };
    list.iter().map(integer).collect()
}

impl Trace {
    fn value(&mut self, operation: Operation) -> usize {
        if let Some(&known) = self.known.get(&operation) {
            return known;
        }
        let value = self.values.len();
        self.values.push(Value { operation, block: self.current, name: None, section: self.sections.len() - 1 });
        self.known.insert(operation, value);
        value
    }

    fn number(&mut self, operation: Operation) -> Traced {
        Traced::Value(self.value(operation))
    }

    fn bit(&mut self, words: Vec<u32>, index: Traced) -> Traced {
        let list = self.bits.iter().position(|other| *other == words).unwrap_or(self.bits.len());
        if list == self.bits.len() {
            self.bits.push(words);
        }
        self.number(Operation::Bit(list, index))
    }

    fn state(&mut self, statement: Statement) {
        self.blocks[self.current].statements.push(statement);
    }

    fn open(&mut self, repeated: bool) -> usize {
        self.blocks.push(Block { parent: Some(self.current), repeated, statements: Vec::new() });
        self.current = self.blocks.len() - 1;
        self.current
    }

    /// Ends the current block. What it computed is not known outside.
    fn close(&mut self) {
        let (values, current) = (&self.values, self.current);
        self.known.retain(|_, &mut value| values[value].block != current);
        self.current = self.blocks[current].parent.expect("a block in another one");
    }

    fn variable(&mut self, initial: Traced) -> usize {
        let variable = self.variables;
        self.variables += 1;
        self.state(Statement::Declare(variable, initial));
        variable
    }

    /// The operation that computed a number.
    fn operation(&self, number: Traced) -> Option<Operation> {
        match number {
            Traced::Constant(_) => None,
            Traced::Value(value) => Some(self.values[value].operation),
        }
    }

    fn negated(&self, number: Traced) -> Option<Traced> {
        match self.operation(number) {
            Some(Operation::Unary(Unary::Negate, of)) => Some(of),
            _ => None,
        }
    }

    fn negate(&mut self, a: Traced) -> Traced {
        match (a, self.operation(a)) {
            (Traced::Constant(a), _) => Traced::constant(-a),
            (_, Some(Operation::Unary(Unary::Negate, of))) => of,
            (_, Some(Operation::Binary(Binary::Subtract, x, y))) => self.subtract(y, x),
            _ => self.number(Operation::Unary(Unary::Negate, a)),
        }
    }

    fn add(&mut self, a: Traced, b: Traced) -> Traced {
        match (a, b, self.negated(a), self.negated(b)) {
            (Traced::Constant(a), Traced::Constant(b), ..) => Traced::constant(a + b),
            (x, zero, ..) | (zero, x, ..) if zero.is_zero() => x,
            (x, _, _, Some(y)) | (_, x, Some(y), _) => self.subtract(x, y),
            _ => self.number(Operation::Binary(Binary::Add, a.min_by_place(b), a.max_by_place(b))),
        }
    }

    fn subtract(&mut self, a: Traced, b: Traced) -> Traced {
        match (a, b, self.negated(b)) {
            (Traced::Constant(a), Traced::Constant(b), _) => Traced::constant(a - b),
            (_, zero, _) if zero.is_zero() => a,
            (zero, ..) if zero.is_zero() => self.negate(b),
            (_, _, Some(y)) => self.add(a, y),
            _ if a == b => Traced::Constant(0.0),
            _ => self.number(Operation::Binary(Binary::Subtract, a, b)),
        }
    }

    fn multiply(&mut self, a: Traced, b: Traced) -> Traced {
        match (a, b, self.negated(a), self.negated(b)) {
            (Traced::Constant(a), Traced::Constant(b), ..) => Traced::constant(a * b),
            (zero, ..) | (_, zero, ..) if zero.is_zero() => Traced::Constant(0.0),
            (Traced::Constant(factor), x, ..) | (x, Traced::Constant(factor), ..) => self.scale(x, factor),
            (.., Some(x), Some(y)) => self.multiply(x, y),
            (_, y, Some(x), _) | (y, _, _, Some(x)) => {
                let product = self.multiply(x, y);
                self.negate(product)
            }
            _ => self.number(Operation::Binary(Binary::Multiply, a.min_by_place(b), a.max_by_place(b))),
        }
    }

    fn scale(&mut self, x: Traced, factor: f64) -> Traced {
        match self.operation(x) {
            _ if factor == 1.0 => x,
            _ if factor == -1.0 => self.negate(x),
            Some(Operation::Unary(Unary::Negate, of)) => self.scale(of, -factor),
            Some(Operation::Binary(Binary::Multiply, of, Traced::Constant(other))) => self.scale(of, other * factor),
            _ => self.number(Operation::Binary(Binary::Multiply, x, Traced::constant(factor))),
        }
    }

    fn divide(&mut self, a: Traced, b: Traced) -> Traced {
        match (a, b) {
            (Traced::Constant(a), Traced::Constant(b)) => Traced::constant(a / b),
            (zero, _) if zero.is_zero() => zero,
            (_, Traced::Constant(b)) => self.scale(a, 1.0 / b),
            _ => self.number(Operation::Binary(Binary::Divide, a, b)),
        }
    }

    fn of_one(&mut self, function: Unary, x: Traced, value: fn(f64) -> f64) -> Traced {
        match x {
            Traced::Constant(x) => Traced::constant(value(x)),
            _ => self.number(Operation::Unary(function, x)),
        }
    }

    fn of_two(&mut self, function: Binary, a: Traced, b: Traced, value: fn(f64, f64) -> f64) -> Traced {
        match (a, b) {
            (Traced::Constant(a), Traced::Constant(b)) => Traced::constant(value(a, b)),
            _ if a == b => a,
            _ => self.number(Operation::Binary(function, a, b)),
        }
    }
}

impl Traced {
    /// The input that `text` stands for.
    pub fn input(text: String) -> Self {
        with(|trace| {
            let input = trace.inputs.iter().position(|other| *other == text).unwrap_or(trace.inputs.len());
            if input == trace.inputs.len() {
                trace.inputs.push(text);
            }
            trace.number(Operation::Input(input))
        })
    }

    /// Constants come last.
    fn place(self) -> usize {
        match self {
            Traced::Constant(_) => usize::MAX,
            Traced::Value(value) => value,
        }
    }

    fn min_by_place(self, other: Self) -> Self {
        if self.place() <= other.place() { self } else { other }
    }

    fn max_by_place(self, other: Self) -> Self {
        if self.place() <= other.place() { other } else { self }
    }
}

impl PartialEq for Traced {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Traced::Constant(a), Traced::Constant(b)) => a.to_bits() == b.to_bits(),
            (Traced::Value(a), Traced::Value(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Traced {}

impl Hash for Traced {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Traced::Constant(value) => (0, value.to_bits()).hash(state),
            Traced::Value(value) => (1, value).hash(state),
        }
    }
}

impl Add for Traced {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        with(|trace| trace.add(self, other))
    }
}

impl Sub for Traced {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        with(|trace| trace.subtract(self, other))
    }
}

impl Mul for Traced {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        with(|trace| trace.multiply(self, other))
    }
}

impl Div for Traced {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        with(|trace| trace.divide(self, other))
    }
}

impl Neg for Traced {
    type Output = Self;

    fn neg(self) -> Self {
        with(|trace| trace.negate(self))
    }
}

impl Number for Traced {
    type Condition = Condition;

    fn constant(value: f64) -> Self {
        // There is one zero.
        Traced::Constant(value + 0.0)
    }

    fn is_zero(self) -> bool {
        self == Traced::Constant(0.0)
    }

    fn sin(self) -> Self {
        with(|trace| trace.of_one(Unary::Sin, self, f64::sin))
    }

    fn cos(self) -> Self {
        with(|trace| trace.of_one(Unary::Cos, self, f64::cos))
    }

    fn sqrt(self) -> Self {
        with(|trace| trace.of_one(Unary::Sqrt, self, f64::sqrt))
    }

    fn abs(self) -> Self {
        with(|trace| trace.of_one(Unary::Abs, self, f64::abs))
    }

    fn max(self, other: Self) -> Self {
        with(|trace| trace.of_two(Binary::Max, self, other, f64::max))
    }

    fn min(self, other: Self) -> Self {
        with(|trace| trace.of_two(Binary::Min, self, other, f64::min))
    }

    fn highest_bit(self) -> Self {
        with(|trace| trace.of_one(Unary::HighestBit, self, f64::highest_bit))
    }

    fn power_of_two(self) -> Self {
        with(|trace| trace.of_one(Unary::PowerOfTwo, self, f64::power_of_two))
    }

    /// By bits where entries are many and small integers, else by selecting among them: arrays that are indexed by what a program computes would be in memory.
    fn entry(list: &[Self], index: Self) -> Self {
        if let Traced::Constant(index) = index {
            return list[index as usize];
        }
        let changes: Vec<usize> = (1..list.len()).filter(|&i| list[i] != list[i - 1]).collect();
        if let Some(integers) = integers(list).filter(|_| changes.len() > MOST_SELECTED) {
            let planes = (0..BITS).filter(|plane| integers.iter().any(|integer| integer >> plane & 1 == 1));
            let plane = |plane: usize| {
                let words = integers.chunks(32).map(|chunk| chunk.iter().enumerate().map(|(i, integer)| (integer >> plane & 1) << i).sum()).collect();
                Self::constant(f64::from(1u32 << plane)) * with(|trace| trace.bit(words, index))
            };
            return planes.map(plane).fold(Self::zero(), Self::add);
        }
        let select = |last: Self, &i: &usize| Self::select(index.less(Self::constant(i as f64 - 0.5)), list[i - 1], last);
        changes.iter().rev().fold(list[list.len() - 1], select)
    }

    fn less(self, other: Self) -> Condition {
        match (self, other) {
            (Traced::Constant(a), Traced::Constant(b)) => Condition::Constant(a < b),
            _ if self == other => Condition::Constant(false),
            _ => Condition::Value(with(|trace| trace.value(Operation::Binary(Binary::Less, self, other)))),
        }
    }

    fn select(condition: Condition, yes: Self, no: Self) -> Self {
        match condition {
            Condition::Constant(condition) => {
                if condition {
                    yes
                } else {
                    no
                }
            }
            _ if yes == no => yes,
            _ => with(|trace| trace.number(Operation::Select(condition, yes, no))),
        }
    }

    fn branch(condition: Condition, state: &mut [Self], body: impl FnOnce(&mut [Self])) {
        match condition {
            Condition::Constant(true) => return body(state),
            Condition::Constant(false) => return,
            Condition::Value(_) => {}
        }
        let before = state.to_vec();
        let block = with(|trace| trace.open(false));
        body(state);
        let changed: Vec<usize> = (0..state.len()).filter(|&i| state[i] != before[i]).collect();
        with(|trace| {
            trace.close();
            let variables: Vec<usize> = changed.iter().map(|&i| trace.variable(before[i])).collect();
            trace.blocks[block].statements.push(Statement::Assign(variables.iter().zip(&changed).map(|(&variable, &i)| (variable, state[i])).collect()));
            trace.state(Statement::Branch(condition, block));
            for (&variable, &i) in variables.iter().zip(&changed) {
                state[i] = trace.number(Operation::Read(variable, 0));
            }
        });
    }

    fn repeat<T>(most: usize, state: &mut [Self], mut examine: impl FnMut(&[Self]) -> (Condition, T), mut advance: impl FnMut(&mut [Self], T)) {
        let before = state.to_vec();
        // What the loop leaves as it is needs no variable. That is found by recording it.
        let mut changes = vec![true; state.len()];
        loop {
            let start = with(|trace| trace.mark());
            let variables: Vec<Option<usize>> =
                with(|trace| before.iter().zip(&changes).map(|(&initial, &changes)| changes.then(|| trace.variable(initial))).collect());
            let block = with(|trace| {
                for ((entry, variable), &initial) in state.iter_mut().zip(&variables).zip(&before) {
                    *entry = variable.map_or(initial, |variable| trace.number(Operation::Read(variable, 0)));
                }
                trace.open(true)
            });
            let inside = state.to_vec();
            let (finished, found) = examine(state);
            match finished {
                Condition::Constant(true) => {
                    with(|trace| {
                        trace.close();
                        trace.go_back(start);
                    });
                    state.copy_from_slice(&before);
                    return;
                }
                Condition::Constant(false) => {}
                Condition::Value(_) => with(|trace| trace.state(Statement::Break(finished))),
            }
            advance(state, found);
            let unchanged: Vec<usize> = (0..state.len()).filter(|&i| changes[i] && state[i] == inside[i]).collect();
            if !unchanged.is_empty() {
                unchanged.into_iter().for_each(|i| changes[i] = false);
                with(|trace| {
                    trace.close();
                    trace.go_back(start);
                });
                continue;
            }
            with(|trace| {
                let assigned = variables.iter().zip(state.iter()).filter_map(|(&variable, &value)| Some((variable?, value))).collect();
                trace.state(Statement::Assign(assigned));
                trace.close();
                trace.state(Statement::Loop(most, block));
                for (entry, variable) in state.iter_mut().zip(&variables) {
                    if let Some(variable) = *variable {
                        *entry = trace.number(Operation::Read(variable, 1));
                    }
                }
            });
            return;
        }
    }

    fn named(self, name: impl FnOnce() -> String) -> Self {
        if let Traced::Value(value) = self {
            with(|trace| {
                trace.values[value].name.get_or_insert_with(name);
            });
        }
        self
    }

    fn section(title: impl FnOnce() -> String) {
        with(|trace| trace.sections.push(title()));
    }
}

/// How much was recorded.
struct Mark {
    values: usize,
    blocks: usize,
    variables: usize,
    statements: usize,
}

impl Trace {
    fn mark(&self) -> Mark {
        Mark { values: self.values.len(), blocks: self.blocks.len(), variables: self.variables, statements: self.blocks[self.current].statements.len() }
    }

    /// Forgets what was recorded in the current block since `mark`.
    fn go_back(&mut self, mark: Mark) {
        self.known.retain(|_, value| *value < mark.values);
        self.values.truncate(mark.values);
        self.blocks.truncate(mark.blocks);
        self.variables = mark.variables;
        self.blocks[self.current].statements.truncate(mark.statements);
    }
}
