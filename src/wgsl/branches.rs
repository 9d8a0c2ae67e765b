//! Removes what constants rule out. Kernels choose between variants by `if (SOME_CONSTANT == 1u)`, and bring functions that only some variants call. Drivers
//! inline every call before they notice that a condition is constant, so what is never executed costs as much time to compile as what is.

use naga::{Arena, Block, Constant, Expression, Function, Handle, Literal, Module, Scalar, Span, Statement, SwitchCase, Type, TypeInner, VectorSize};
use std::collections::HashSet;

/// Replaces each `if` whose condition is a constant by the branch that is taken, and empties functions that nothing calls any more. The module computes what
/// it did. A valid one stays valid; of one that is not, the faulty part may be among what is removed.
pub(super) fn decide(module: &mut Module) {
    // (naga's own `compact` would remove the functions, but may panic at modules that are not valid, and drivers' modules are validated after this.)
    let ballot = vector_of_words(module);
    let returned: Vec<Option<Handle<Type>>> = module.functions.iter().map(|(_, function)| function.result.as_ref().map(|result| result.ty)).collect();
    let value = |expression: &Expression| match *expression {
        Expression::CallResult(function) => returned[function.index()].map(Expression::ZeroValue),
        Expression::AtomicResult { ty, .. } | Expression::WorkGroupUniformLoadResult { ty } | Expression::SubgroupOperationResult { ty } => {
            Some(Expression::ZeroValue(ty))
        }
        Expression::SubgroupBallotResult => Some(Expression::ZeroValue(ballot)),
        _ => None,
    };
    let (constants, global) = (&module.constants, &module.global_expressions);
    let in_function = |function: &mut Function| {
        let before = results(&function.body);
        function.body = decide_block(&function.body, &|it| known(constants, global, &function.expressions[it]));
        let after = results(&function.body);
        // The result of a statement may not stay without it. What was computed from it does, though nothing uses it, and needs a value of that type.
        for &gone in before.difference(&after) {
            if let Some(value) = value(&function.expressions[gone]) {
                function.expressions[gone] = value;
            }
        }
    };
    module.functions.iter_mut().for_each(|(_, function)| in_function(function));
    module.entry_points.iter_mut().for_each(|entry| in_function(&mut entry.function));
    empty_unused(module);
}

/// The value of a condition that is a constant.
fn known(constants: &Arena<Constant>, global: &Arena<Expression>, condition: &Expression) -> Option<bool> {
    match condition {
        Expression::Literal(Literal::Bool(value)) => Some(*value),
        Expression::Constant(constant) => match global[constants[*constant].init] {
            Expression::Literal(Literal::Bool(value)) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

/// Why a loop has no end. Drivers may remove such a loop, or wait for it forever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endless {
    /// Nothing leaves it.
    NoExit,
    /// Nothing changes in it: if the first round does not leave it, no other does.
    NoChange,
}

/// The first loop of a module whose form alone says that it may never end, and where it is.
pub(crate) fn endless(module: &Module) -> Option<(Endless, Span)> {
    fn first(block: &Block) -> Option<(Endless, Span)> {
        block.span_iter().find_map(|(statement, span)| {
            let own = if let Statement::Loop { body, continuing, break_if } = statement {
                let inside = || [body, continuing].into_iter().flat_map(statements);
                let exits = break_if.is_some() || breaks(body) || inside().any(|it| matches!(it, Statement::Return { .. } | Statement::Kill));
                let changes = inside().any(|it| matches!(it, Statement::Store { .. } | Statement::Call { .. } | Statement::Atomic { .. }));
                let once = ends(body) && !inside().any(|it| matches!(it, Statement::Continue));
                if !exits { Some(Endless::NoExit) } else { (!changes && !once).then_some(Endless::NoChange) }
            } else {
                None
            };
            own.map(|why| (why, *span)).or_else(|| blocks(statement).into_iter().find_map(first))
        })
    }
    let (constants, global) = (&module.constants, &module.global_expressions);
    module.functions.iter().find_map(|(_, function)| first(&decide_block(&function.body, &|it| known(constants, global, &function.expressions[it]))))
}

/// Whether a statement of a loop's block breaks off that loop, not a loop or a switch within it.
fn breaks(block: &Block) -> bool {
    block.iter().any(|statement| match statement {
        Statement::Break => true,
        Statement::Block(block) => breaks(block),
        Statement::If { accept, reject, .. } => breaks(accept) || breaks(reject),
        _ => false,
    })
}

/// Whether the end of a loop's block is never reached, or leaves the loop.
fn ends(block: &Block) -> bool {
    match block.last() {
        Some(Statement::Return { .. } | Statement::Break | Statement::Kill) => true,
        Some(Statement::Block(block)) => ends(block),
        Some(Statement::If { accept, reject, .. }) => ends(accept) && ends(reject),
        _ => false,
    }
}

/// The type `vec4<u32>`.
fn vector_of_words(module: &mut Module) -> Handle<Type> {
    module.types.insert(Type { name: None, inner: TypeInner::Vector { size: VectorSize::Quad, scalar: Scalar::U32 } }, Span::UNDEFINED)
}

fn empty_unused(module: &mut Module) {
    let mut called = HashSet::new();
    module.entry_points.iter().for_each(|entry| note_calls(&entry.function.body, &mut called));
    // A function is declared after those that it calls.
    let handles: Vec<Handle<Function>> = module.functions.iter().map(|(handle, _)| handle).collect();
    for handle in handles.into_iter().rev() {
        let function = &mut module.functions[handle];
        if called.contains(&handle) {
            note_calls(&function.body, &mut called);
        } else {
            let body = Block::from_vec(vec![Statement::Return { value: None }]);
            *function = Function { name: function.name.take(), body, ..Function::default() };
        }
    }
}

/// The block with its constant conditions decided, up to the first statement that leaves it.
fn decide_block(block: &Block, condition: &dyn Fn(Handle<Expression>) -> Option<bool>) -> Block {
    let mut decided = Block::with_capacity(block.len());
    for (statement, span) in block.span_iter() {
        let inner = |block: &Block| decide_block(block, condition);
        let statement = match statement {
            Statement::If { condition: it, accept, reject } => match condition(*it) {
                Some(taken) => Statement::Block(inner(if taken { accept } else { reject })),
                None => Statement::If { condition: *it, accept: inner(accept), reject: inner(reject) },
            },
            Statement::Switch { selector, cases } => {
                let cases = cases.iter().map(|case| SwitchCase { body: inner(&case.body), ..case.clone() }).collect();
                Statement::Switch { selector: *selector, cases }
            }
            Statement::Loop { body, continuing, break_if } => Statement::Loop { body: inner(body), continuing: inner(continuing), break_if: *break_if },
            Statement::Block(block) => Statement::Block(inner(block)),
            other => other.clone(),
        };
        let leaves = leaves(&statement);
        decided.push(statement, *span);
        if leaves {
            break;
        }
    }
    decided
}

/// Whether a statement's form alone says that what follows it in its block is never executed.
fn leaves(statement: &Statement) -> bool {
    match statement {
        Statement::Return { .. } | Statement::Break | Statement::Continue | Statement::Kill => true,
        Statement::Block(block) => block.last().is_some_and(leaves),
        _ => false,
    }
}

/// All statements of a block, those within its statements included.
pub(crate) fn statements(block: &Block) -> Vec<&Statement> {
    fn collect<'a>(block: &'a Block, all: &mut Vec<&'a Statement>) {
        for statement in block {
            all.push(statement);
            blocks(statement).into_iter().for_each(|block| collect(block, all));
        }
    }
    let mut all = Vec::new();
    collect(block, &mut all);
    all
}

/// The blocks that a statement consists of.
fn blocks(statement: &Statement) -> Vec<&Block> {
    match statement {
        Statement::Block(block) => vec![block],
        Statement::If { accept, reject, .. } => vec![accept, reject],
        Statement::Switch { cases, .. } => cases.iter().map(|case| &case.body).collect(),
        Statement::Loop { body, continuing, .. } => vec![body, continuing],
        _ => Vec::new(),
    }
}

/// The blocks that a statement consists of, to be changed.
pub(super) fn blocks_mut(statement: &mut Statement) -> Vec<&mut Block> {
    match statement {
        Statement::Block(block) => vec![block],
        Statement::If { accept, reject, .. } => vec![accept, reject],
        Statement::Switch { cases, .. } => cases.iter_mut().map(|case| &mut case.body).collect(),
        Statement::Loop { body, continuing, .. } => vec![body, continuing],
        _ => Vec::new(),
    }
}

/// Adds the functions that a block calls.
pub(super) fn note_calls(block: &Block, called: &mut HashSet<Handle<Function>>) {
    called.extend(statements(block).into_iter().filter_map(|statement| if let Statement::Call { function, .. } = statement { Some(*function) } else { None }));
}

/// The functions `env_*`, and those that they call.
pub(super) fn of_environment(module: &Module) -> HashSet<Handle<Function>> {
    let is_named = |function: &Function| function.name.as_deref().is_some_and(|name| name.starts_with("env_"));
    let mut found: HashSet<Handle<Function>> = module.functions.iter().filter(|(_, function)| is_named(function)).map(|(handle, _)| handle).collect();
    // A function is declared after those that it calls.
    let handles: Vec<Handle<Function>> = module.functions.iter().map(|(handle, _)| handle).collect();
    for handle in handles.into_iter().rev() {
        if found.contains(&handle) {
            note_calls(&module.functions[handle].body, &mut found);
        }
    }
    found
}

/// The results of a block's statements.
fn results(block: &Block) -> HashSet<Handle<Expression>> {
    let result = |statement: &Statement| match statement {
        Statement::Call { result, .. } | Statement::Atomic { result, .. } => *result,
        Statement::WorkGroupUniformLoad { result, .. }
        | Statement::SubgroupBallot { result, .. }
        | Statement::SubgroupCollectiveOperation { result, .. }
        | Statement::SubgroupGather { result, .. } => Some(*result),
        _ => None,
    };
    statements(block).into_iter().filter_map(result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::kernel;
    use crate::program::plan::Plan;
    use crate::program::profile::PROFILES;
    use crate::spec::config::Config;
    use crate::wgsl::{compose, reflect};

    /// The decided module, which is valid, and the number of its statements.
    fn decided(source: &str) -> (Module, usize) {
        let mut module = reflect::parse("main", source).expect("WGSL");
        decide(&mut module);
        let count = count(&module);
        reflect::validator().validate(&module).expect("a valid module");
        (module, count)
    }

    fn count(module: &Module) -> usize {
        let of = |function: &Function| statements(&function.body).into_iter().filter(|statement| !matches!(statement, Statement::Block(_))).count();
        module.functions.iter().map(|(_, function)| of(function)).sum::<usize>() + of(&module.entry_points[0].function)
    }

    #[test]
    fn only_branches_that_are_taken_stay() {
        const BODY: &str = "
            const YES = true;
            @group(0) @binding(0) var<storage, read_write> words: array<atomic<u32>>;
            struct Pair { a: u32, b: vec2<f32> }
            fn used(x: u32) -> u32 { return x + 1u; }
            fn pair(x: u32) -> Pair { return Pair(used(x), vec2(1.0)); }
            fn early(x: u32) -> u32 { if (YES) { return used(x); } return pair(x).a; }
            @compute @workgroup_size(1) fn main() {
                var x = early(3u);
                if (CONDITION) {
                    let y = pair(x);
                    var z = Pair(2u, vec2(0.0));
                    z.b += y.b;
                    x += y.a + atomicAdd(&words[1], 1u) + subgroupBallot(x == 1u).y + subgroupAdd(x) + u32(z.b.x);
                    loop { if (x > 3u) { break; } x++; }
                } else if (!YES) {
                    x = 7u;
                } else {
                    loop { x++; if (YES) { break; } x += pair(x).a; }
                }
                atomicStore(&words[0], x);
            }";
        let count = |condition: &str| decided(&BODY.replace("CONDITION", condition));
        let (unknown, taken, skipped) = (count("x == 1u").1, count("YES").1, count("!YES").1);
        assert!(taken < unknown && skipped < taken, "{unknown} {taken} {skipped}");
        // What only a removed branch called is empty.
        let (module, _) = count("!YES");
        let body = |name: &str| &module.functions.iter().find(|(_, function)| function.name.as_deref() == Some(name)).expect("a function").1.body;
        assert!(matches!(body("pair")[..], [Statement::Return { value: None }]) && !matches!(body("used")[..], [Statement::Return { value: None }]));
    }

    #[test]
    fn loops_that_their_form_alone_makes_endless_are_found() {
        use Endless::{NoChange, NoExit};
        for (body, why) in [
            ("loop {}", Some(NoExit)),
            ("while true {}", Some(NoExit)),
            ("while (ON) { x += 1u; }", Some(NoExit)),
            ("loop { switch x { case 1u: { break; } default: {} } x += 1u; }", Some(NoExit)),
            ("if x > 1u { loop { loop { x += 1u; if x > 9u { break; } } } }", Some(NoExit)),
            ("loop { if (!ON) { break; } x += 1u; }", Some(NoExit)),
            ("while x < 10u {}", Some(NoChange)),
            ("loop { if x == 7u { break; } }", Some(NoChange)),
            ("loop { if x == 7u { return 1u; } if x == 8u { continue; } break; }", Some(NoChange)),
            ("loop { if x == 7u { return 1u; } break; }", None),
            ("loop { if x == 7u { break; } else { return 1u; } }", None),
            ("loop { x += 1u; if x > 9u { return x; } }", None),
            ("loop { x = step(x); if x > 9u { break; } }", None),
            ("loop { x += 1u; continuing { break if x > 9u; } }", None),
            ("for (var i = 0u; i < 9u; i++) { x += i; }", None),
            ("for (var i = 0u; i < 9u; i++) {}", None),
            ("if (!ON) { loop {} }", None),
        ] {
            let source = format!("const ON = true;\nfn step(x: u32) -> u32 {{ return x + 1u; }}\nfn f(a: u32) -> u32 {{\nvar x = a;\n{body}\nreturn x;\n}}");
            let found = endless(&reflect::parse("main", &source).unwrap_or_else(|error| panic!("{body}: {}", error.help())));
            assert_eq!(found.map(|(why, _)| why), why, "{body}");
            assert!(found.is_none_or(|(_, span)| span.location(&source).line_number == 5), "{body}");
        }
    }

    /// Every kernel stays valid, and some become shorter.
    #[test]
    fn kernels_stay_valid() {
        let mut shorter = 0;
        for profile in PROFILES {
            for config in [Config::default(), Config { normalize_observations: true, normalize_rewards: true, ..Config::default() }] {
                let plan = Plan::new(&config, *profile).expect("the settings fit together");
                for kernel in kernel::all(&plan) {
                    let source = compose::compose(kernel, &plan).text;
                    let before = count(&reflect::parse(kernel.name, &source).expect("WGSL"));
                    shorter += usize::from(decided(&source).1 < before);
                }
            }
        }
        assert!(shorter > 0);
    }
}
