// The part of a kernel's work that a dispatch makes.

struct Dispatch {
    index: u32,
}
