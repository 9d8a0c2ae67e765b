//! Makes divisions by zero in an environment's code visible. llvmpipe takes a divisor that it knows to be 0, a parameter for instance, as a reason to compute
//! anything (`lp_build_div` in Mesa's gallivm returns an undefined value), and a run would learn from finite nonsense. Divisions become calls of the functions of
//! shaders/shared/divide.wgsl, whose operands no driver knows.

use crate::wgsl::branches::{blocks_mut, of_environment};
use naga::front::Typifier;
use naga::proc::ResolveContext;
use naga::{Arena, BinaryOperator, Block, Expression, Function, Handle, Literal, Module, Range, ScalarKind, Statement, TypeInner};
use std::collections::HashMap;

/// What a division becomes: the function that is called, and its operands.
type Calls = HashMap<Handle<Expression>, (Handle<Function>, [Handle<Expression>; 2])>;

/// Replaces divisions and remainders of floats in the functions `env_*` and in what they call, except divisions by constants other than 0. Their results keep
/// their bits. Modules without an environment stay as they are.
pub(super) fn guard(module: &mut Module) {
    if named(module, "divide_1").is_none() {
        return;
    }
    helpers_first(module);
    let helpers = helpers(module);
    for handle in of_environment(module) {
        if helpers.values().any(|helper| *helper == handle) {
            continue;
        }
        let calls = divisions(module, &module.functions[handle], &helpers);
        let function = &mut module.functions[handle];
        for (division, (helper, _)) in &calls {
            function.expressions[*division] = Expression::CallResult(*helper);
        }
        call(&mut function.body, &calls);
    }
}

/// The functions of divide.wgsl by the operator that they stand for and the components of its operands.
fn helpers(module: &Module) -> HashMap<(BinaryOperator, u8), Handle<Function>> {
    let operators = [(BinaryOperator::Divide, "divide"), (BinaryOperator::Modulo, "remainder")];
    let all = operators.into_iter().flat_map(|(operator, name)| (1..=4).map(move |lanes| ((operator, lanes), format!("{name}_{lanes}"))));
    all.map(|(key, name)| (key, named(module, &name).expect("divide.wgsl has it"))).collect()
}

fn named(module: &Module, name: &str) -> Option<Handle<Function>> {
    module.functions.iter().find(|(_, function)| function.name.as_deref() == Some(name)).map(|(handle, _)| handle)
}

/// Whether a function is of divide.wgsl, or one that it calls.
fn is_helper(name: &str) -> bool {
    let of_lanes = name.split_once('_').is_some_and(|(name, lanes)| ["hidden", "divide", "remainder"].contains(&name) && ["1", "2", "3", "4"].contains(&lanes));
    of_lanes || ["hidden_zero", "hidden_zero_too"].contains(&name)
}

/// Declares the functions of divide.wgsl, and what they call, before all others.
fn helpers_first(module: &mut Module) {
    let (first, then): (Vec<_>, Vec<_>) = module.functions.drain().partition(|(_, function, _)| function.name.as_deref().is_some_and(is_helper));
    let mut sorted = Arena::new();
    let mut places = HashMap::new();
    for (old, function, span) in first.into_iter().chain(then) {
        places.insert(old, sorted.append(function, span));
    }
    module.functions = sorted;
    let move_calls = |function: &mut Function| {
        for (_, expression) in function.expressions.iter_mut() {
            if let Expression::CallResult(called) = expression {
                *called = places[called];
            }
        }
        fn in_block(block: &mut Block, places: &HashMap<Handle<Function>, Handle<Function>>) {
            for statement in block.iter_mut() {
                if let Statement::Call { function, .. } = statement {
                    *function = places[function];
                }
                blocks_mut(statement).into_iter().for_each(|block| in_block(block, places));
            }
        }
        in_block(&mut function.body, &places);
    };
    module.functions.iter_mut().for_each(|(_, function)| move_calls(function));
    module.entry_points.iter_mut().for_each(|entry| move_calls(&mut entry.function));
}

/// The divisions of a function that may be by zero.
fn divisions(module: &Module, function: &Function, helpers: &HashMap<(BinaryOperator, u8), Handle<Function>>) -> Calls {
    let context = ResolveContext::with_locals(module, &function.local_variables, &function.arguments);
    let mut types = Typifier::new();
    let mut calls = Calls::new();
    for (handle, expression) in function.expressions.iter() {
        if types.grow(handle, &function.expressions, &context).is_err() {
            // Validation reports it.
            return Calls::new();
        }
        let Expression::Binary { op: op @ (BinaryOperator::Divide | BinaryOperator::Modulo), left, right } = *expression else { continue };
        let lanes = match *types.get(handle, &module.types) {
            TypeInner::Scalar(scalar) if scalar.kind == ScalarKind::Float => 1,
            TypeInner::Vector { size, scalar } if scalar.kind == ScalarKind::Float => size as u8,
            _ => continue,
        };
        if !is_other_than_zero(module, &function.expressions, right) {
            calls.insert(handle, (helpers[&(op, lanes)], [left, right]));
        }
    }
    calls
}

/// Whether this is a constant, none of whose components is 0.
fn is_other_than_zero(module: &Module, expressions: &Arena<Expression>, expression: Handle<Expression>) -> bool {
    match &expressions[expression] {
        Expression::Literal(Literal::F32(value)) => *value != 0.0,
        Expression::Constant(constant) => is_other_than_zero(module, &module.global_expressions, module.constants[*constant].init),
        Expression::Splat { value, .. } => is_other_than_zero(module, expressions, *value),
        Expression::Compose { components, .. } => components.iter().all(|&component| is_other_than_zero(module, expressions, component)),
        _ => false,
    }
}

/// Calls the functions where the divisions were computed.
fn call(block: &mut Block, calls: &Calls) {
    let mut called = Block::with_capacity(block.len());
    for (mut statement, span) in std::mem::take(block).span_into_iter() {
        let Statement::Emit(range) = &statement else {
            blocks_mut(&mut statement).into_iter().for_each(|block| call(block, calls));
            called.push(statement, span);
            continue;
        };
        let mut rest: Vec<Handle<Expression>> = Vec::new();
        for handle in range.clone() {
            let Some((function, operands)) = calls.get(&handle) else {
                rest.push(handle);
                continue;
            };
            emit(&mut called, &mut rest, span);
            called.push(Statement::Call { function: *function, arguments: operands.to_vec(), result: Some(handle) }, span);
        }
        emit(&mut called, &mut rest, span);
    }
    *block = called;
}

/// Computes expressions that follow each other, if there are any.
fn emit(block: &mut Block, expressions: &mut Vec<Handle<Expression>>, span: naga::Span) {
    if let (Some(first), Some(last)) = (expressions.first(), expressions.last()) {
        block.push(Statement::Emit(Range::new_from_bounds(*first, *last)), span);
    }
    expressions.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::kernel;
    use crate::program::plan::Plan;
    use crate::program::profile::PROFILES;
    use crate::spec::config::Config;
    use crate::spec::environment::Environment;
    use crate::wgsl::{compose, reflect};

    /// Divisions in functions `env_*` and in what they call: by what may be 0, and all others.
    fn counted(module: &Module) -> (usize, usize) {
        let mut counts = (0, 0);
        for function in of_environment(module).into_iter().map(|handle| &module.functions[handle]) {
            if function.name.as_deref().is_some_and(is_helper) {
                continue;
            }
            for (_, expression) in function.expressions.iter() {
                if let Expression::Binary { op: BinaryOperator::Divide | BinaryOperator::Modulo, right, .. } = expression {
                    if is_other_than_zero(module, &function.expressions, *right) { counts.1 += 1 } else { counts.0 += 1 }
                }
            }
        }
        counts
    }

    #[test]
    fn divisions_by_what_may_be_zero_are_calls() {
        let divide = include_str!("../../shaders/shared/divide.wgsl").replace("//! import", "// imports");
        let source = format!(
            "const A = vec2(4.0, 0.0);
            @group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
            fn divide_evenly(a: f32) -> f32 {{ return inner(a); }}
            fn inner(a: f32) -> f32 {{ let z = 0.0; return a / 3.0 + a / z + a % (a - a) + 1.0 / a; }}
            fn other(a: f32) -> f32 {{ return a / (a - a); }}
            fn env_step(a: vec4<f32>) -> vec4<f32> {{
                let b = a.xy / A + a.zw % vec2(2.0);
                var sum = 0.0;
                for (var i = 0u; i < 3u / 1u; i++) {{ if (a.x > 1.0) {{ sum += divide_evenly(a.x); }} else {{ sum += (a.xyz / a.yzw).x; }} }}
                return vec4(b, sum, sum) / a;
            }}
            @compute @workgroup_size(1) fn main() {{ x[0] = env_step(x[1]); x[1].x = other(x[2].x); }}
            struct Part {{ first: u32 }}
            @group(1) @binding(0) var<uniform> part: Part;
            fn hidden_zero() -> u32 {{ return part.first >> 31u; }}
            {divide}"
        );
        let before = reflect::parse("main", &source).expect("WGSL");
        assert_eq!(counted(&before), (6, 2));
        let mut module = before;
        guard(&mut module);
        assert_eq!(counted(&module), (0, 2));
        reflect::validator().validate(&module).expect("a valid module");
    }

    #[test]
    fn kernels_stay_valid_and_have_no_such_division_left() {
        let found = |module: &Module| {
            let own = |function: &Function| function.name.as_deref().is_some_and(|name| name.starts_with("env_"));
            let functions = module.functions.iter().map(|(_, function)| function).filter(|function| own(function));
            functions.map(|function| divisions(module, function, &helpers(module)).len()).sum::<usize>()
        };
        let mut before = 0;
        for name in Environment::names() {
            let config = Config { env: name.into(), ..Config::default() };
            let plan = Plan::new(&config, PROFILES[0]).expect("the settings fit together");
            for kernel in kernel::all(&plan).into_iter().filter(|kernel| ["rollout", "reset"].contains(&kernel.name)) {
                let text = compose::compose(kernel, &plan).text;
                let mut module = reflect::parse(kernel.name, &text).expect("WGSL");
                before += found(&module);
                guard(&mut module);
                assert_eq!(found(&module), 0, "{name}");
                reflect::validator().validate(&reflect::for_drivers(kernel.name, &text).expect("WGSL")).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            }
        }
        assert!(before > 0);
    }
}
