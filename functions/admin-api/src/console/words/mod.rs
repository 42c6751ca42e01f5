//! Texts of the console: one table an area, one row a text, in the three languages of staff. A row that lacks one of them does not
//! compile.

pub(crate) mod billing;
pub(crate) mod common;
pub(crate) mod figures;
pub(crate) mod institutions;
pub(crate) mod names;
pub(crate) mod operations;
pub(crate) mod quarantine;
pub(crate) mod rules;
pub(crate) mod runs;
pub(crate) mod said;
pub(crate) mod today;
pub(crate) mod workshop;
pub(crate) mod workshop_import;
pub(crate) mod workshop_schedule;

/// Makes a table of texts: a struct with a field a row, and its values by language.
macro_rules! texts {
    ($(#[$about:meta])* $name:ident { $($key:ident: $zh_tw:literal, $en:literal, $id:literal;)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name {
            $(pub(crate) $key: &'static str,)+
        }

        impl $name {
            /// The texts in a language.
            pub(crate) const fn of(language: $crate::billing::subscriptions::translations::Language) -> &'static Self {
                use $crate::billing::subscriptions::translations::Language;
                match language {
                    Language::ZhTw => &Self { $($key: $zh_tw,)+ },
                    Language::En => &Self { $($key: $en,)+ },
                    Language::Id => &Self { $($key: $id,)+ },
                }
            }
        }
    };
    // A table whose rows are also found by name, for example by the code of a refusal.
    (named $(#[$about:meta])* $name:ident { $($key:ident: $zh_tw:literal, $en:literal, $id:literal;)+ }) => {
        texts! { $(#[$about])* $name { $($key: $zh_tw, $en, $id;)+ } }

        impl $name {
            /// The text of a name, in which a hyphen is like an underscore; `None` where the table has none.
            pub(crate) fn get(&self, name: &str) -> Option<&'static str> {
                match name.replace('-', "_").as_str() {
                    $(stringify!($key) => Some(self.$key),)+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use texts;
