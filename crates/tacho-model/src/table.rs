//! What a table and a column are. The tables themselves are in [`crate::tables`].

/// How a column's values are held in memory, on the wire and in Parquet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Signed 64 bits: counts, bytes, microseconds. Kernel counters fit, as only their deltas are kept.
    Integer,
    /// IEEE 754 double: load averages and the like.
    Float,
    /// UTF-8.
    Text,
}

/// What one unit of a column's number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain count, or text.
    None,
    Bytes,
    Microseconds,
    Milliseconds,
    Seconds,
    /// A share, 0 to 1.
    Ratio,
    BitsPerSecond,
    Celsius,
    /// A point in time: milliseconds since 1970-01-01T00:00:00Z.
    EpochMilliseconds,
}

/// How values of a column combine over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// State at the instant of the snapshot; over time it is averaged.
    Gauge,
    /// What was added during the row's interval; over time it is summed.
    Delta,
    /// Names something; never aggregated.
    Label,
}

/// One column of a [`Table`].
#[derive(Debug)]
pub struct Column {
    /// Parquet field id and wire id. Unique in its table, never given to another meaning.
    /// 1 to 9 are the columns that every table has (`time`, `host_id`, `host`, `interval_ms`).
    pub id: u16,
    pub name: &'static str,
    pub column_type: ColumnType,
    pub unit: Unit,
    pub meaning: Meaning,
    /// One or more sentences for the manual, the API and SQL comments.
    pub doc: &'static str,
}

/// A table of the history: one row per snapshot and entity.
#[derive(Debug)]
pub struct Table {
    /// Wire id, never given to another table.
    pub id: u8,
    pub name: &'static str,
    /// Columns that together name the entity a row is about; empty when that is the host itself.
    /// Files are sorted by (host, these, time).
    pub entity: &'static [&'static str],
    pub columns: &'static [Column],
    pub doc: &'static str,
}

impl Table {
    /// The position of the column called `name`.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The position of the column with the wire id `id`.
    pub fn position_of_id(&self, id: u16) -> Option<usize> {
        self.columns.iter().position(|column| column.id == id)
    }
}

/// Names an integer column of one table by its position in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntegerColumn(pub u16);

/// Names a float column of one table by its position in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloatColumn(pub u16);

/// Names a text column of one table by its position in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextColumn(pub u16);

/// Lower-cases an ASCII identifier at compile time, so that a column is written down once.
pub(crate) const fn lower<const N: usize>(upper: &str) -> [u8; N] {
    let bytes = upper.as_bytes();
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = bytes[i].to_ascii_lowercase();
        i += 1;
    }
    out
}

/// Defines a table as a module: `TABLE`, and one constant per column that names its position.
/// A macro, because a column has to be both a row of data and a typed constant, and writing it
/// twice would let the two drift apart.
macro_rules! table {
    (
        $(#[doc = $doc:literal])+
        $module:ident = $id:literal, entity [$($entity:literal),*] {
            $( $(#[doc = $cdoc:literal])+ $column:ident: $type:ident $meaning:ident $unit:ident = $cid:literal; )+
        }
    ) => {
        $(#[doc = $doc])+
        pub mod $module {
            #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "positions of the column constants")]
            enum Position { $($column),+ }
            $(
                $(#[doc = $cdoc])+
                pub const $column: $crate::table::table!(@handle $type) =
                    $crate::table::table!(@handle $type)(Position::$column as u16);
            )+
            /// The table's description.
            pub static TABLE: $crate::Table = $crate::Table {
                id: $id,
                name: stringify!($module),
                entity: &[$($entity),*],
                columns: &[$(
                    $crate::Column {
                        id: $cid,
                        name: {
                            const UPPER: &str = stringify!($column);
                            const LOWER: [u8; UPPER.len()] = $crate::table::lower(UPPER);
                            match core::str::from_utf8(&LOWER) {
                                Ok(name) => name,
                                Err(_) => panic!("a Rust identifier is UTF-8"),
                            }
                        },
                        column_type: $crate::ColumnType::$type,
                        meaning: $crate::Meaning::$meaning,
                        unit: $crate::Unit::$unit,
                        doc: concat!($($cdoc),+).trim_ascii(),
                    }
                ),+],
                doc: concat!($($doc),+).trim_ascii(),
            };
        }
    };
    (@handle Integer) => { $crate::IntegerColumn };
    (@handle Float) => { $crate::FloatColumn };
    (@handle Text) => { $crate::TextColumn };
}
pub(crate) use table;
