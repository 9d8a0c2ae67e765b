//! Reads the declarations of a WGSL module: the WGSL is the only source of a kernel's bindings.

use crate::program::kernel::Kernel;
use crate::program::plan::Plan;
use crate::spec::layout::Layout;
use crate::support::error::{Error, Result};
use crate::wgsl::{branches, compose, divisions, types};
use naga::common::wgsl::TypeContext;

/// A binding of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Variable name, which is also the buffer's.
    pub name: String,
    /// Bind group.
    pub group: u32,
    /// Binding number.
    pub index: u32,
    /// Whether the kernel may write it.
    pub writable: bool,
    /// Whether it is a uniform buffer: the dispatch index.
    pub uniform: bool,
}

/// Parses and validates WGSL.
///
/// # Errors
/// [`Error::Shader`] with the compiler's report, lines included.
pub fn parse(name: &str, source: &str) -> Result<naga::Module> {
    let module = parse_only(name, source)?;
    let report = |error: naga::WithSpan<naga::valid::ValidationError>| error.emit_to_string_with_path(source, &format!("{name}.wgsl"));
    validator().validate(&module).map_err(|error| Error::Shader { kernel: name.into(), report: report(error) })?;
    Ok(module)
}

/// The module that drivers are given for this WGSL: without what constants rule out, and with divisions of the environment's code that give what IEEE 754 says.
/// It is not validated yet.
///
/// # Errors
/// Those of [`parse`] that are found without validation.
pub fn for_drivers(name: &str, source: &str) -> Result<naga::Module> {
    let mut module = parse_only(name, source)?;
    divisions::guard(&mut module);
    branches::decide(&mut module);
    Ok(module)
}

fn parse_only(name: &str, source: &str) -> Result<naga::Module> {
    let report = |error: naga::front::wgsl::ParseError| error.emit_to_string_with_path(source, &format!("{name}.wgsl"));
    let mut module = naga::front::wgsl::parse_str(source).map_err(|error| Error::Shader { kernel: name.into(), report: report(error) })?;
    types::merge_aliases(&mut module);
    Ok(module)
}

/// A validator for WGSL of core WebGPU, with subgroups, which the software profile uses if available.
pub fn validator() -> naga::valid::Validator {
    use naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::SUBGROUP);
    validator
        .subgroup_stages(ShaderStages::COMPUTE)
        .subgroup_operations(SubgroupOperationSet::BALLOT | SubgroupOperationSet::ARITHMETIC | SubgroupOperationSet::VOTE);
    validator
}

/// The bindings of a module, by binding number.
pub fn module_bindings(module: &naga::Module) -> Vec<Binding> {
    let mut bindings: Vec<Binding> = module
        .global_variables
        .iter()
        .filter_map(|(_, variable)| {
            let resource = variable.binding?;
            let (writable, uniform) = match variable.space {
                naga::AddressSpace::Storage { access } => (access.contains(naga::StorageAccess::STORE), false),
                naga::AddressSpace::Uniform => (false, true),
                _ => return None,
            };
            let name = variable.name.clone().unwrap_or_default();
            Some(Binding { name, group: resource.group, index: resource.binding, writable, uniform })
        })
        .collect();
    bindings.sort_by_key(|binding| (binding.group, binding.index));
    bindings
}

/// Makes uniform buffers storage buffers that are only read.
pub fn store_uniforms(module: &mut naga::Module) {
    for (_, variable) in module.global_variables.iter_mut() {
        if variable.space == naga::AddressSpace::Uniform {
            variable.space = naga::AddressSpace::Storage { access: naga::StorageAccess::LOAD };
        }
    }
}

/// The bindings of `kernel`.
///
/// # Errors
/// [`Error::Shader`] when it does not compile.
pub fn bindings(kernel: Kernel, plan: &Plan) -> Result<Vec<Binding>> {
    Ok(module_bindings(&parse(kernel.name, &compose::compose(kernel, plan).text)?))
}

/// The value of a module's numeric constant.
pub fn constant(module: &naga::Module, name: &str) -> Option<f64> {
    let (_, constant) = module.constants.iter().find(|(_, constant)| constant.name.as_deref() == Some(name))?;
    number(module, constant.init)
}

/// The numbers in a module's constant array, vector or struct.
pub fn constant_array(module: &naga::Module, name: &str) -> Option<Vec<f64>> {
    let (_, constant) = module.constants.iter().find(|(_, constant)| constant.name.as_deref() == Some(name))?;
    match &module.global_expressions[constant.init] {
        naga::Expression::Compose { components, .. } => components.iter().map(|&component| number(module, component)).collect(),
        _ => None,
    }
}

/// The value of a constant expression.
fn number(module: &naga::Module, expression: naga::Handle<naga::Expression>) -> Option<f64> {
    use naga::{Expression, Literal};
    match module.global_expressions[expression] {
        Expression::Literal(Literal::U32(value)) => Some(f64::from(value)),
        Expression::Literal(Literal::I32(value)) => Some(f64::from(value)),
        Expression::Literal(Literal::F32(value)) => Some(f64::from(value)),
        Expression::Constant(constant) => number(module, module.constants[constant].init),
        _ => None,
    }
}

/// How the structure called `name` lies in memory; none if there is none, or if it holds what cannot be stored.
pub fn layout(module: &naga::Module, name: &str) -> Option<Layout> {
    let (handle, _) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name))?;
    layout_of(module, handle)
}

fn layout_of(module: &naga::Module, ty: naga::Handle<naga::Type>) -> Option<Layout> {
    use naga::{ArraySize, Scalar, ScalarKind, TypeInner};
    let name = || module.types.type_to_string(ty);
    let scalar = |scalar: Scalar| match scalar {
        Scalar { kind: ScalarKind::Float, width: 4 } => Some(Layout::Scalar("f32")),
        Scalar { kind: ScalarKind::Uint, width: 4 } => Some(Layout::Scalar("u32")),
        Scalar { kind: ScalarKind::Sint, width: 4 } => Some(Layout::Scalar("i32")),
        _ => None,
    };
    let vector = |size: usize, of: Scalar| {
        let element = scalar(of)?;
        Some(Layout::Elements { name: format!("vec{size}<{}>", element.name()), element: Box::new(element), count: size, stride: 1 })
    };
    match &module.types[ty].inner {
        TypeInner::Scalar(of) => scalar(*of),
        TypeInner::Vector { size, scalar } => vector(*size as usize, *scalar),
        TypeInner::Matrix { columns, rows, scalar } => {
            let column = vector(*rows as usize, *scalar)?;
            Some(Layout::Elements { name: name(), element: Box::new(column), count: *columns as usize, stride: (*rows as usize).next_power_of_two() })
        }
        TypeInner::Array { base, size: ArraySize::Constant(count), stride } => {
            let (element, count) = (Box::new(layout_of(module, *base)?), count.get() as usize);
            Some(Layout::Elements { name: format!("array<{}, {count}>", element.name()), element, count, stride: *stride as usize / 4 })
        }
        TypeInner::Struct { members, span } => {
            let member = |member: &naga::StructMember| Some((member.name.clone()?, member.offset as usize / 4, layout_of(module, member.ty)?));
            Some(Layout::Structure { name: name(), members: members.iter().map(member).collect::<Option<_>>()?, words: *span as usize / 4 })
        }
        _ => None,
    }
}

/// Name and offset (in words) of each member of a module's struct, and its size in words.
pub fn structure(module: &naga::Module, name: &str) -> Option<(Vec<(String, usize)>, usize)> {
    module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).and_then(|(_, ty)| match &ty.inner {
        naga::TypeInner::Struct { members, span } => {
            let members = members.iter().map(|member| (member.name.clone().unwrap_or_default(), member.offset as usize / 4)).collect();
            Some((members, *span as usize / 4))
        }
        _ => None,
    })
}
