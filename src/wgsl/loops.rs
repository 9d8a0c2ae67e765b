//! Loops whose form alone says that they end. naga bounds the loops of code that is not trusted, and drivers no longer recognise what is left: Mesa's compiler
//! then needs a pass over the whole kernel for each round that it unrolls.

use crate::wgsl::branches::{of_environment, statements};
use naga::{BinaryOperator, Block, Expression, Function, Handle, Literal, LocalVariable, Module, Statement};

/// Whether each loop of the environment's functions counts up or down to a constant, and nothing else changes its counter.
pub(crate) fn environment_ends(module: &Module) -> bool {
    of_environment(module).into_iter().all(|function| {
        let function = &module.functions[function];
        statements(&function.body).into_iter().all(|statement| match statement {
            Statement::Loop { body, continuing, break_if } => break_if.is_none() && counted(module, function, body, continuing),
            _ => true,
        })
    })
}

/// Whether a loop is of the form `for (; i < CONSTANT; i++) {}`, or with `i > CONSTANT` and `i--`, for an integer i that its body does not change.
fn counted(module: &Module, function: &Function, body: &Block, continuing: &Block) -> bool {
    let constant = |it: Handle<Expression>| match function.expressions[it] {
        Expression::Literal(literal) => Some(literal),
        Expression::Constant(constant) => match module.global_expressions[module.constants[constant].init] {
            Expression::Literal(literal) => Some(literal),
            _ => None,
        },
        _ => None,
    };
    let is_whole = |literal: Option<Literal>| matches!(literal, Some(Literal::U32(_) | Literal::I32(_)));
    let variable = |it: Handle<Expression>| match function.expressions[it] {
        Expression::Load { pointer } => local(function, pointer),
        _ => None,
    };
    // The condition is computed, and the loop left where it does not hold.
    let Some(Statement::If { condition, accept, reject }) = body.iter().find(|statement| !matches!(statement, Statement::Emit(_))) else { return false };
    let Expression::Binary { op, left, right } = function.expressions[*condition] else { return false };
    let step = match op {
        BinaryOperator::Less => BinaryOperator::Add,
        BinaryOperator::Greater => BinaryOperator::Subtract,
        _ => return false,
    };
    let (Some(counter), true, true, [Statement::Break]) = (variable(left), is_whole(constant(right)), accept.is_empty(), &reject[..]) else { return false };
    let changes = |statement: &&Statement| match statement {
        Statement::Store { pointer, .. } => local(function, *pointer) == Some(counter),
        Statement::Call { arguments, .. } => arguments.iter().any(|&argument| local(function, argument) == Some(counter)),
        _ => false,
    };
    let counts = |statement: &Statement| match *statement {
        Statement::Store { value, .. } => match function.expressions[value] {
            Expression::Binary { op, left, right } => {
                op == step && variable(left) == Some(counter) && matches!(constant(right), Some(Literal::U32(1) | Literal::I32(1)))
            }
            _ => false,
        },
        _ => false,
    };
    let in_continuing: Vec<&Statement> = statements(continuing).into_iter().filter(changes).collect();
    matches!(in_continuing[..], [only] if counts(only)) && !statements(body).iter().any(changes)
}

/// The variable of the function that a pointer is of.
fn local(function: &Function, pointer: Handle<Expression>) -> Option<Handle<LocalVariable>> {
    match function.expressions[pointer] {
        Expression::LocalVariable(variable) => Some(variable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wgsl::reflect;

    #[test]
    fn loops_that_count_to_a_constant_end() {
        for (body, ends) in [
            ("", true),
            ("for (var i = 0u; i < N; i++) { x += i; }", true),
            ("for (var i = 3; i < 2 * 4; i += 1) { for (var j = a; j > 0u; j--) { if x > 7u { break; } x += j; } }", true),
            ("for (var i = 0u; i < a; i++) { x += i; }", false),
            ("for (var i = 0u; i < N && x < 9u; i++) { x += i; }", false),
            ("for (var i = 0u; i <= N; i++) { x += i; }", false),
            ("for (var i = 0u; i < N; i += 2u) { x += i; }", false),
            ("for (var i = 0u; i < N; i--) { x += i; }", false),
            ("for (var i = 9u; i > 0u; i++) { x += i; }", false),
            ("for (var i = 0u; i < N; i++) { if x == 3u { i -= 1u; } }", false),
            ("for (var i = 0u; i < N; i++) { i++; }", false),
            ("for (var i = 0u; i < N; i++) { reset(&i); }", false),
            ("for (var i = 0u; i < N; i++) { let p = &i; *p = 0u; }", false),
            ("for (var i = 0u; i < N; x++) { x += i; }", false),
            ("for (var i = 0.0; i < 9.0; i += 1.0) { x += 1u; }", false),
            ("for (var i = 0u; i < N; i++) { loop { x += 1u; if x > 9u { break; } } }", false),
            ("while x < 10u { x += 1u; }", false),
            ("x = turns(x);", false),
        ] {
            let source = format!(
                "const N = 5u;\nfn reset(p: ptr<function, u32>) {{ *p = 0u; }}\n\
                 fn turns(a: u32) -> u32 {{ var x = a; loop {{ x++; if x > 9u {{ break; }} }} return x; }}\n\
                 fn other() {{ loop {{ break; }} }}\nfn env_step(a: u32) -> u32 {{\nvar x = a;\n{body}\nreturn x;\n}}"
            );
            assert_eq!(environment_ends(&reflect::parse("main", &source).unwrap_or_else(|error| panic!("{body}: {}", error.help()))), ends, "{body}");
        }
    }
}
