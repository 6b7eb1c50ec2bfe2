//! Hints about memory: what will be read soon, and what deserves large pages.
//!
//! All `unsafe` of this crate. Called for tables of the hot path; must never be anything but a hint, so that a program
//! without this file would print the same. `docs/performance.md` says what each hint buys.

/// Hints that `value` will be read soon. Costs an instruction.
#[allow(unsafe_code)]
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: SSE is part of x86-64, and a prefetch of a valid address has no effect that a program can observe.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = value;
}

/// `len` times `value`, on large pages where the system gives them: random reads then miss fewer translations.
pub(crate) fn filled<T: Clone>(value: T, len: usize) -> Vec<T> {
    let mut items = Vec::with_capacity(len);
    large_pages(&mut items);
    items.resize(len, value);
    items
}

/// Smaller tables do not profit.
#[cfg(all(target_os = "linux", not(miri)))]
const WORTH_BYTES: usize = 4 << 20;

#[allow(unsafe_code)]
fn large_pages<T>(items: &mut Vec<T>) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        const PAGE: usize = 4096;
        let room = items.spare_capacity_mut();
        let start = room.as_mut_ptr().addr().next_multiple_of(PAGE);
        let end = (room.as_mut_ptr().addr() + size_of_val(room)) / PAGE * PAGE;
        if start + WORTH_BYTES <= end {
            // SAFETY: the range lies within an allocation that `items` owns. The advice changes how the system maps
            // it, never what it holds; an error leaves it as it was and is of no interest.
            unsafe {
                let address = room.as_mut_ptr().with_addr(start).cast();
                libc::madvise(address, end - start, libc::MADV_HUGEPAGE);
            }
        }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = items;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_change_nothing() {
        for len in [0, 1, 5000, 3 << 20] {
            let items = filled(7_u32, len);
            items.iter().for_each(prefetch);
            assert!(items.len() == len && items.iter().all(|item| *item == 7));
        }
    }
}
