//! Merges duplicate types. naga 30 creates a separate type for `alias A = array<f32, 4>`, beside that of `array<f32, 4>`. A module with both translates to
//! invalid SPIR-V (VUID 08737, which lenient drivers accept) and to MSL that does not compile.

use naga::{Expression, Function, Handle, Module, Type, TypeInner, UniqueArena};

/// Replaces types that differ only in their names by one of them, wherever they are used. Structures are distinct by name, and stay.
pub(super) fn merge_aliases(module: &mut Module) {
    let mut merged = UniqueArena::new();
    // By index: a type is declared after those that it consists of.
    let mut places: Vec<Handle<Type>> = Vec::new();
    for (old, ty) in module.types.iter() {
        let mut ty = ty.clone();
        let is_structure = matches!(ty.inner, TypeInner::Struct { .. });
        match &mut ty.inner {
            TypeInner::Array { base, .. } | TypeInner::BindingArray { base, .. } | TypeInner::Pointer { base, .. } => *base = places[base.index()],
            TypeInner::Struct { members, .. } => members.iter_mut().for_each(|member| member.ty = places[member.ty.index()]),
            _ => {}
        }
        ty.name = ty.name.filter(|_| is_structure);
        places.push(merged.insert(ty, module.types.get_span(old)));
    }
    module.types = merged;

    let place = |ty: &mut Handle<Type>| *ty = places[ty.index()];
    let in_expression = |expression: &mut Expression| match expression {
        Expression::Compose { ty, .. }
        | Expression::ZeroValue(ty)
        | Expression::AtomicResult { ty, .. }
        | Expression::WorkGroupUniformLoadResult { ty }
        | Expression::SubgroupOperationResult { ty } => place(ty),
        _ => {}
    };
    module.constants.iter_mut().for_each(|(_, constant)| place(&mut constant.ty));
    module.overrides.iter_mut().for_each(|(_, value)| place(&mut value.ty));
    module.global_variables.iter_mut().for_each(|(_, variable)| place(&mut variable.ty));
    module.global_expressions.iter_mut().for_each(|(_, expression)| in_expression(expression));
    module.special_types.predeclared_types.values_mut().for_each(place);
    let in_function = |function: &mut Function| {
        function.arguments.iter_mut().for_each(|argument| place(&mut argument.ty));
        function.result.iter_mut().for_each(|result| place(&mut result.ty));
        function.local_variables.iter_mut().for_each(|(_, variable)| place(&mut variable.ty));
        function.expressions.iter_mut().for_each(|(_, expression)| in_expression(expression));
    };
    module.functions.iter_mut().for_each(|(_, function)| in_function(function));
    module.entry_points.iter_mut().for_each(|entry| in_function(&mut entry.function));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_and_its_target_are_one_type() {
        let source = "const N: u32 = 3u;\nalias Wide = array<f32, N>;\nfn fill(wide: ptr<function, Wide>, i: u32) { (*wide)[i] = 1.0; }\n\
            fn filled() -> array<f32, N> { var wide: array<f32, N>; fill(&wide, 1u); return wide; }\nalias Row = array<f32, 3>;\nalias Board = array<Row, 2>;\nstruct State { board: Board, other: array<array<f32, 3>, 2> }\n\
            fn row(x: f32) -> Row { return array<f32, 3>(x, x, x); }\n\
            fn board(x: f32) -> array<array<f32, 3>, 2> { return Board(row(x), Row()); }\n\
            @compute @workgroup_size(1) fn main() { var s: State; s.board = board(1.0); s.other = Board(); s.other[0] = row(2.0); }\n";
        let mut module = naga::front::wgsl::parse_str(source).expect("WGSL");
        let arrays = |module: &Module| module.types.iter().filter(|(_, ty)| matches!(ty.inner, TypeInner::Array { .. })).count();
        assert!(arrays(&module) > 2, "naga makes one type of each: this module is of no use any more");
        merge_aliases(&mut module);
        assert_eq!(arrays(&module), 2);
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty()).validate(&module).expect("a valid module");
    }
}
