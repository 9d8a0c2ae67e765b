//! How a WGSL type lies in memory, word by word.

/// A type that kernels can store, with the places of its parts, in words of 4 bytes. A shader compiler decides on them ([`crate::wgsl::reflect::layout`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// "f32", "u32" or "i32".
    Scalar(&'static str),
    /// Elements one after the other: an array, a vector, or the columns of a matrix.
    Elements {
        /// The type in WGSL.
        name: String,
        /// Each element.
        element: Box<Layout>,
        /// How many.
        count: usize,
        /// Words from one to the next.
        stride: usize,
    },
    /// A structure.
    Structure {
        /// Its name.
        name: String,
        /// First word and type of each member.
        members: Vec<(String, usize, Layout)>,
        /// Words, padding included.
        words: usize,
    },
}

impl Layout {
    /// The type in WGSL.
    pub fn name(&self) -> &str {
        match self {
            Layout::Scalar(name) => name,
            Layout::Elements { name, .. } | Layout::Structure { name, .. } => name,
        }
    }

    /// Words that it takes.
    pub fn words(&self) -> usize {
        match self {
            Layout::Scalar(_) => 1,
            Layout::Elements { count, stride, .. } => count * stride,
            Layout::Structure { words, .. } => *words,
        }
    }

    /// An array of `count` of these, whose words need no padding.
    pub fn array(self, count: usize) -> Layout {
        Layout::Elements { name: format!("array<{}, {count}>", self.name()), stride: self.words(), element: Box::new(self), count }
    }

    /// A structure of members that follow each other without padding.
    pub fn structure(name: &str, members: Vec<(&str, Layout)>) -> Layout {
        let mut words = 0;
        let members = members.into_iter().map(|(member, layout)| {
            let first = words;
            words += layout.words();
            (member.to_string(), first, layout)
        });
        let members = members.collect();
        Layout::Structure { name: name.into(), members, words }
    }
}
