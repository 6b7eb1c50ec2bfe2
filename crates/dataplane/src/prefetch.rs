//! Asking for memory before it is needed.
//!
//! The one `unsafe` of this crate. Called on the hot path for lines that will be read soon; must never be anything
//! but a hint. Costs an instruction.

/// Hints that `value` will be read soon.
///
/// The reference makes the address valid; the instruction reads nothing, writes nothing and cannot fault.
#[allow(unsafe_code)]
#[inline(always)]
pub(crate) fn read<T>(value: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: SSE is part of x86-64, and a prefetch of a valid address has no effect that a program can observe.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = value;
}
