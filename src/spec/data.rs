//! Data of environments: named arrays of numbers from safetensors files, which an environment's functions read on the device.

use crate::spec::sources::paths_after;
use crate::support::error::Error;
use crate::support::files;
use crate::support::text::{grouped, plural};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Axes of an array.
const AXES: RangeInclusive<usize> = 1..=4;
/// Most arrays of an environment: their numbers are details of faults, and bytes of pictures (shaders/draw.wgsl).
const MOST_ARRAYS: usize = 250;
/// Most 32-bit words of all arrays together: 1 GiB.
const MOST_WORDS: usize = 1 << 28;

/// Type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Real numbers.
    F32,
    /// Whole numbers without a sign.
    U32,
    /// Whole numbers.
    I32,
}

impl Kind {
    /// Its name in WGSL.
    pub fn name(self) -> &'static str {
        match self {
            Kind::F32 => "f32",
            Kind::U32 => "u32",
            Kind::I32 => "i32",
        }
    }

    fn dtype(self) -> Dtype {
        match self {
            Kind::F32 => Dtype::F32,
            Kind::U32 => Dtype::U32,
            Kind::I32 => Dtype::I32,
        }
    }

    fn of(dtype: Dtype) -> Option<Kind> {
        [Kind::F32, Kind::U32, Kind::I32].into_iter().find(|kind| kind.dtype() == dtype)
    }
}

/// An array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// Its name, which is also that of the WGSL function that returns an element.
    pub name: String,
    /// Type of an element.
    pub kind: Kind,
    /// Lengths of its axes; the last one is the fastest.
    pub shape: Vec<usize>,
    /// The file that it is from, as the user wrote it.
    pub file: String,
    /// Place of its first word in [`Data::words`].
    pub offset: usize,
}

impl Array {
    /// "heights [64, 64] of f32".
    pub fn describe(&self) -> String {
        format!("{} {:?} of {}", self.name, self.shape, self.kind.name())
    }

    /// Whether its function, or the constant with its shape, is called `name`.
    pub fn declares(&self, name: &str) -> bool {
        name == self.name || name.strip_suffix("_shape") == Some(&self.name)
    }

    /// Names for the indices of an element, one for each axis.
    pub fn indices(&self) -> &'static [&'static str] {
        &["i", "j", "k", "l"][..self.shape.len()]
    }

    /// How WGSL reads an element and a length.
    pub fn how_to_read(&self) -> String {
        let (Array { name, kind, .. }, indices) = (self, self.indices().join(", "));
        format!("`{name}` is a function: {name}({indices}) is an element, of type {}; indices are u32, and {name}_shape[0] is a length", kind.name())
    }

    /// Elements, each of which is a word.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The arrays of an environment, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Data {
    /// The arrays.
    pub arrays: Vec<Array>,
    /// Their elements, one array after the other.
    words: Arc<[u32]>,
    /// SHA-256 of [`Data::to_safetensors`]; empty without arrays.
    sha256: String,
}

/// The problem with a file, and what to do.
type Problem = (String, String);

impl Data {
    /// The arrays of safetensors files: for each its path, as errors and descriptions show it, and its bytes.
    ///
    /// # Errors
    /// The number of a file, and its problem: it is no safetensors file, an array cannot be used, or its name has been used before.
    pub(crate) fn read<Bytes: AsRef<[u8]>>(files: &[(String, Bytes)]) -> Result<Data, (usize, Problem)> {
        let mut found: Vec<(Array, Vec<u32>)> = Vec::new();
        for (number, (file, bytes)) in files.iter().enumerate() {
            let problem = |problem: Problem| (number, problem);
            let tensors = SafeTensors::deserialize(bytes.as_ref())
                .map_err(|error| problem((format!("{file} is not a safetensors file, or is damaged ({error})"), HOW_TO_WRITE.into())))?;
            if tensors.is_empty() {
                return Err(problem((format!("{file} contains no arrays"), HOW_TO_WRITE.into())));
            }
            for (name, tensor) in tensors.tensors() {
                if let Some((other, _)) = found.iter().find(|(other, _)| other.name == name) {
                    let problem_ = format!("both {} and {file} contain an array `{name}`", other.file);
                    return Err(problem((problem_, "give one of them another name".into())));
                }
                found.push(array(file, &name, &tensor).map_err(problem)?);
            }
            let words: usize = found.iter().map(|(_, words)| words.len()).sum();
            if found.len() > MOST_ARRAYS || words > MOST_WORDS {
                let problem_ = format!("with {file} there are {} with {} elements together", plural(found.len(), "array", "arrays"), grouped(words as u64));
                let help = format!(
                    "at most {MOST_ARRAYS} arrays, and {} elements in all of them; join arrays of one shape along another axis",
                    grouped(MOST_WORDS as u64)
                );
                return Err(problem((problem_, help)));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let named = |name: &str| found.iter().find(|(array, _)| array.name == name);
        if let Some((array, (of, _))) = found.iter().find_map(|(array, _)| Some((array, named(array.name.strip_suffix("_shape")?)?))) {
            let number = files.iter().position(|(file, _)| *file == array.file).unwrap_or_default();
            let problem = format!("the array `{}` of {} has the name of the shape of `{}`", array.name, array.file, of.name);
            return Err((number, (problem, "give it another name".into())));
        }
        let mut offset = 0;
        for (array, words) in &mut found {
            array.offset = offset;
            offset += words.len();
        }
        let (arrays, words): (Vec<Array>, Vec<Vec<u32>>) = found.into_iter().unzip();
        let mut data = Data { arrays, words: words.concat().into(), sha256: String::new() };
        if !data.arrays.is_empty() {
            data.sha256 = files::sha256(data.to_safetensors());
        }
        Ok(data)
    }

    /// The arrays of one safetensors file, which errors call `name`.
    ///
    /// # Errors
    /// [`Error::Config`] naming what is wrong with it.
    pub fn from_safetensors(name: &str, bytes: &[u8]) -> crate::Result<Data> {
        Data::read(&[(name.into(), bytes)]).map_err(|(_, (problem, help))| Error::config("data", problem, help))
    }

    /// All elements, as 32-bit words.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// SHA-256 of its safetensors file; empty without arrays.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// As one safetensors file. Equal data give equal bytes.
    pub fn to_safetensors(&self) -> Vec<u8> {
        let view = |array: &Array| {
            let words = &self.words[array.offset..array.offset + array.elements()];
            TensorView::new(array.kind.dtype(), array.shape.clone(), bytemuck::cast_slice(words)).expect("the shape is that of the words")
        };
        let views: Vec<(&str, TensorView)> = self.arrays.iter().map(|array| (array.name.as_str(), view(array))).collect();
        safetensors::serialize(views, None).expect("the arrays have names of their own")
    }
}

/// How files are written.
const HOW_TO_WRITE: &str = "in Python: safetensors.numpy.save_file({\"heights\": numpy.ascontiguousarray(heights, \"float32\")}, \"terrain.safetensors\")";

/// The tensor `name` of `file` as an array, and its elements.
fn array(file: &str, name: &str, tensor: &TensorView) -> Result<(Array, Vec<u32>), Problem> {
    let of = format!("the array `{name}` of {file}");
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_identifier = name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit()) && !name.starts_with("__") && name != "_";
    if !is_identifier {
        let help = "letters, digits and _, with a letter first, since the name becomes that of a WGSL function";
        return Err((format!("{of} has a name that WGSL cannot have"), help.into()));
    }
    let shape = tensor.shape().to_vec();
    let Some(kind) = Kind::of(tensor.dtype()) else {
        let wanted = match tensor.dtype() {
            Dtype::F64 | Dtype::F16 | Dtype::BF16 => "float32",
            Dtype::BOOL | Dtype::U8 | Dtype::U16 | Dtype::U64 => "uint32",
            _ => "int32",
        };
        let help = format!("arrays are of float32, uint32 or int32; in Python: numpy.ascontiguousarray({name}, \"{wanted}\")");
        return Err((format!("{of} is of type {}", tensor.dtype()), help));
    };
    if !AXES.contains(&shape.len()) {
        let help = format!("{} to {}; a single number is better a parameter (`EnvParameters`) or a constant", AXES.start(), AXES.end());
        return Err((format!("{of} has {}", plural(shape.len(), "axis", "axes")), help));
    }
    if let Some(axis) = shape.iter().position(|&length| length == 0) {
        return Err((format!("axis {axis} of {of} has length 0"), "an axis has a length of at least 1".into()));
    }
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(tensor.data());
    if let Some(i) = words.iter().position(|&word| kind == Kind::F32 && !f32::from_bits(word).is_finite()) {
        let help = "WGSL promises nothing about numbers that are not finite: replace them, or mark them in an array of their own";
        return Err((format!("{of} contains {} at {:?}", f32::from_bits(words[i]), indices(i, &shape)), help.into()));
    }
    Ok((Array { name: name.into(), kind, shape, file: file.into(), offset: 0 }, words))
}

/// The indices of element `i`, in the order of the axes.
fn indices(i: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = i;
    let mut indices: Vec<usize> = shape
        .iter()
        .rev()
        .map(|length| {
            let index = rest % length;
            rest /= length;
            index
        })
        .collect();
    indices.reverse();
    indices
}

/// The paths on the lines `//! data PATH.safetensors` of an environment's text, with the lines' numbers.
pub fn data_lines(text: &str) -> Vec<(usize, &str)> {
    paths_after("data", text)
}

/// The name of the file with an environment's data, where its text is a copy: of all arrays, whichever files they were from.
pub const DATA_COPY: &str = "environment.safetensors";

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tensors: &[(&str, Dtype, &[usize], &[u32])]) -> Vec<u8> {
        let views = tensors.iter().map(|(name, dtype, shape, words)| {
            (name.to_string(), TensorView::new(*dtype, shape.to_vec(), bytemuck::cast_slice(words)).expect("the sizes fit"))
        });
        safetensors::serialize(views.collect::<Vec<_>>(), None).expect("a file")
    }

    fn read(files: &[(&str, Vec<u8>)]) -> Result<Data, (usize, Problem)> {
        Data::read(&files.iter().map(|(name, bytes)| (name.to_string(), bytes.clone())).collect::<Vec<_>>())
    }

    #[test]
    fn arrays_are_sorted_and_written_as_one_file() {
        let one = file(&[("walls", Dtype::U32, &[3], &[7, 8, 9]), ("heights", Dtype::F32, &[1, 2], &[0, 0x3f80_0000])]);
        let two = file(&[("gains", Dtype::I32, &[1], &[u32::MAX])]);
        let data = read(&[("a", one), ("b", two)]).expect("arrays");
        let shown: Vec<_> = data.arrays.iter().map(|array| (array.name.as_str(), array.kind.name(), array.offset, array.file.as_str())).collect();
        assert_eq!(shown, [("gains", "i32", 0, "b"), ("heights", "f32", 1, "a"), ("walls", "u32", 3, "a")]);
        assert_eq!(data.words(), [u32::MAX, 0, 0x3f80_0000, 7, 8, 9]);
        let again = read(&[("copy", data.to_safetensors())]).expect("arrays");
        assert_eq!((again.words(), again.sha256()), (data.words(), data.sha256()));
        assert_eq!(data.sha256(), files::sha256(data.to_safetensors()));
        let changed = read(&[("copy", file(&[("gains", Dtype::I32, &[1], &[1])]))]).expect("an array");
        assert_ne!(changed.sha256(), data.sha256());
        assert_eq!((Data::default().words(), Data::default().sha256()), (&[][..], ""));
    }

    #[test]
    fn arrays_that_cannot_be_used_are_refused_with_a_remedy() {
        let nan = f32::NAN.to_bits();
        for (bytes, problem, help) in [
            (b"no".to_vec(), "f is not a safetensors file", "save_file"),
            (file(&[]), "f contains no arrays", "save_file"),
            (file(&[("a.b", Dtype::F32, &[1], &[0])]), "has a name that WGSL cannot have", "letters, digits"),
            (file(&[("2x", Dtype::F32, &[1], &[0])]), "has a name that WGSL cannot have", "letters, digits"),
            (file(&[("x", Dtype::F64, &[1], &[0, 0])]), "`x` of f is of type F64", "ascontiguousarray(x, \"float32\")"),
            (file(&[("x", Dtype::I64, &[1], &[0, 0])]), "`x` of f is of type I64", "ascontiguousarray(x, \"int32\")"),
            (file(&[("x", Dtype::F32, &[], &[0])]), "has 0 axes", "1 to 4; a single number"),
            (file(&[("x", Dtype::F32, &[1, 1, 1, 1, 1], &[0])]), "has 5 axes", "1 to 4"),
            (file(&[("x", Dtype::F32, &[2, 0], &[])]), "axis 1 of the array `x` of f has length 0", "at least 1"),
            (file(&[("x", Dtype::F32, &[2, 2], &[0, 0, nan, 0])]), "contains NaN at [1, 0]", "not finite"),
        ] {
            let (number, (said, remedy)) = read(&[("f", bytes)]).expect_err("a refusal");
            assert!(number == 0 && said.contains(problem) && remedy.contains(help), "{said}\n{remedy}");
        }
        let one = || file(&[("x", Dtype::F32, &[1], &[0])]);
        let (number, (said, _)) = read(&[("f", one()), ("g", one())]).expect_err("a refusal");
        assert_eq!((number, said.as_str()), (1, "both f and g contain an array `x`"));
        let (number, (said, _)) = read(&[("f", one()), ("g", file(&[("x_shape", Dtype::F32, &[1], &[0])]))]).expect_err("a refusal");
        assert_eq!((number, said.as_str()), (1, "the array `x_shape` of g has the name of the shape of `x`"));
        let many: Vec<String> = (0..251).map(|i| format!("x{i}")).collect();
        let many: Vec<(&str, Dtype, &[usize], &[u32])> = many.iter().map(|name| (name.as_str(), Dtype::F32, &[1][..], &[0][..])).collect();
        let (_, (said, help)) = read(&[("f", file(&many))]).expect_err("a refusal");
        assert!(said == "with f there are 251 arrays with 251 elements together" && help.starts_with("at most 250 arrays"), "{said}: {help}");
    }
}
