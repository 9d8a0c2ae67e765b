// The part of a kernel's work that a dispatch does.

struct Dispatch {
    index: u32,
}
