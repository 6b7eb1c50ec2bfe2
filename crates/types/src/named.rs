//! Enums whose values have a spelling in input and output, made from one list.

/// Makes an enum with `ALL` (every value and its spelling) and `text` (the spelling of one).
#[macro_export]
macro_rules! named_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name {$($(#[$vdoc])* $variant,)*}

        impl $name {
            /// Every value, with its spelling in input and output.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),*];

            /// The spelling in input and output.
            pub fn text(self) -> &'static str {
                match self {$(Self::$variant => $text),*}
            }
        }
    };
}
