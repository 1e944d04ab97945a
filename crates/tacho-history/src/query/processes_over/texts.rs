//! Texts that many lines share, told apart by numbers.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;

/// All texts met so far; 0 is the empty one.
#[derive(Debug)]
pub(super) struct Texts {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

/// The numbers of one column of a batch, each looked up when its text first occurs: a dictionary is that of a whole row
/// group.
pub(super) struct Numbered<'a> {
    keys: &'a DictionaryArray<Int32Type>,
    values: &'a StringArray,
    known: Vec<Option<u32>>,
}

impl Texts {
    pub(super) fn new() -> Self {
        let empty: Arc<str> = Arc::default();
        Self { numbers: HashMap::from([(Arc::clone(&empty), 0)]), texts: vec![empty] }
    }

    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (text, number) = (Arc::<str>::from(text), u32::try_from(self.texts.len()).unwrap_or_default());
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    pub(super) fn get(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }
}

impl<'a> Numbered<'a> {
    pub(super) fn new(batch: &'a RecordBatch, column: usize) -> Self {
        let keys = batch.column(column).as_dictionary();
        let values = keys.values().as_string();
        Self { keys, values, known: vec![None; values.len()] }
    }

    /// The number of a row's text; that of the empty one where there is none.
    pub(super) fn number(&mut self, row: usize, texts: &mut Texts) -> u32 {
        let Some(key) = self.keys.key(row) else { return 0 };
        let Some(known) = self.known.get_mut(key) else { return 0 };
        *known.get_or_insert_with(|| texts.number(self.values.value(key)))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringDictionaryBuilder;

    use super::*;

    #[test]
    fn a_text_has_one_number_in_all_batches() {
        let column = |texts: &[Option<&str>]| {
            let mut column = StringDictionaryBuilder::<Int32Type>::new();
            texts.iter().for_each(|text| column.append_option(*text));
            RecordBatch::try_from_iter([("name", Arc::new(column.finish()) as _)]).unwrap()
        };
        let mut texts = Texts::new();
        let (first, second) =
            (column(&[Some("sh"), None, Some("cat"), Some("sh")]), column(&[Some("cat"), Some("")]));
        let mut numbers = |batch: &RecordBatch| -> Vec<u32> {
            let mut numbered = Numbered::new(batch, 0);
            (0..batch.num_rows()).map(|row| numbered.number(row, &mut texts)).collect()
        };
        assert_eq!((numbers(&first), numbers(&second)), (vec![1, 0, 2, 1], vec![2, 0]));
        assert_eq!((texts.get(0), texts.get(1), texts.get(2), texts.get(3)), ("", "sh", "cat", ""));
    }
}
