//! Where the pages of a file end: with the rows of a host where that is possible, so that whoever asks for one host unpacks
//! no rows of its neighbours.

use arrow::array::{Array as _, AsArray, RecordBatch};
use arrow::datatypes::Int32Type;

use crate::columns::HOST_ID;

/// A page may have so much less or more than is meant: hosts miss a row now and then.
const PLAY: usize = 8;

/// How the rows of hosts become pages. Parquet's writer looks after each write whether a page has the least number of rows
/// that ends it, and within a write each time that as many were written. So none is given more than that at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPages {
    /// Rows of a page, about.
    rows: usize,
    /// Rows of the page that did not end yet.
    begun: usize,
    /// Rows so far of the host that came last.
    of_host: usize,
}

impl HostPages {
    /// For hosts of `of_host` rows each: pages of as many hosts as come nearest to `wanted` rows, or several of a host.
    pub(crate) fn new(of_host: usize, wanted: usize) -> Self {
        let (of_host, wanted) = (of_host.max(1), wanted.max(1));
        let rows = match of_host < wanted {
            true => of_host * nearest(wanted, of_host),
            false => of_host.div_ceil(nearest(of_host, wanted)),
        };
        Self { rows, begun: 0, of_host: 0 }
    }

    /// A page with so many rows ends, and no more are written at a time.
    pub(crate) fn least(&self) -> usize {
        self.rows - self.play()
    }

    fn play(&self) -> usize {
        self.rows / PLAY
    }

    /// How far to write these rows at a time, which are sorted by host. Those before may have been of the first host too.
    pub(crate) fn ends(&mut self, batch: &RecordBatch, is_same_host: bool) -> Vec<usize> {
        let mut ends = Vec::new();
        let (mut written, mut end) = (0, 0);
        for (number, run) in runs(batch).enumerate() {
            if number > 0 || !is_same_host {
                self.of_host = 0;
            }
            let mut left = run;
            while left > 0 {
                let to_page_end = self.rows - self.of_host % self.rows;
                let rows = if left <= to_page_end + self.play() { left } else { to_page_end };
                self.of_host += rows;
                left -= rows;
                end += rows;
                if self.begun + (end - written) >= self.least() {
                    self.write(&mut written, end, &mut ends);
                }
            }
        }
        self.write(&mut written, end, &mut ends);
        ends
    }

    /// The last write is the largest, so that the page does not end before it.
    fn write(&mut self, written: &mut usize, to: usize, ends: &mut Vec<usize>) {
        while *written < to {
            let (left, least) = (to - *written, self.least());
            let rows = if left > least { (left - least).min(least) } else { left };
            *written += rows;
            ends.push(*written);
            self.begun += rows;
            if self.begun >= least {
                self.begun = 0;
            }
        }
    }
}

/// How often one goes into the other, about.
fn nearest(all: usize, part: usize) -> usize {
    ((all + part / 2) / part).max(1)
}

/// Most rows of a host; of the last one there may be more to come.
pub(crate) fn most_rows_of_a_host(batch: &RecordBatch) -> usize {
    let mut runs: Vec<_> = runs(batch).collect();
    if runs.len() > 1 {
        runs.pop();
    }
    runs.into_iter().max().unwrap_or_default()
}

/// How many rows each host has, one after the other. After a merge several of an array's keys can mean one host.
fn runs(batch: &RecordBatch) -> impl Iterator<Item = usize> {
    let hosts = batch.column(HOST_ID).as_dictionary::<Int32Type>();
    let (keys, values) = (hosts.keys().values(), hosts.values().as_string::<i32>());
    let text =
        |key: &i32| usize::try_from(*key).ok().filter(|key| *key < values.len()).map(|key| values.value(key));
    keys.chunk_by(move |left, right| left == right || text(left) == text(right)).map(<[i32]>::len)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
    use parquet::file::properties::WriterProperties;
    use proptest::prelude::*;

    use super::*;

    fn rows(hosts: &[usize]) -> RecordBatch {
        let names: Vec<_> =
            hosts.iter().enumerate().flat_map(|(host, rows)| vec![format!("h{host:04}"); *rows]).collect();
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..names.len() as i64));
        let names: DictionaryArray<Int32Type> = names.iter().map(|name| Some(name.as_str())).collect();
        let names = twice(&names);
        let now_and_then =
            Int64Array::from_iter((0..names.len() as i64).map(|row| (row % 7 > 0).then_some(row)));
        let columns: [(_, ArrayRef, _); 4] = [
            ("time", values.clone(), false),
            ("host_id", Arc::new(names), false),
            ("always", values, true),
            ("now_and_then", Arc::new(now_and_then), true),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    /// Each value has two keys that take turns.
    fn twice(names: &DictionaryArray<Int32Type>) -> DictionaryArray<Int32Type> {
        let values = names.values().as_string::<i32>();
        let count = values.len() as i32;
        let values = StringArray::from_iter_values(values.iter().chain(values).flatten());
        let keys = names.keys().values().iter().enumerate();
        let keys = Int32Array::from_iter_values(keys.map(|(row, key)| key + count * (row as i32 / 50 % 2)));
        DictionaryArray::new(keys, Arc::new(values))
    }

    /// Where the pages of a file of them begin, written in so large batches; and its end.
    fn starts(hosts: &[usize], most: usize, batch_rows: usize) -> Vec<usize> {
        let all = rows(hosts);
        let count = all.num_rows();
        let batches =
            (0..count).step_by(batch_rows).map(|start| all.slice(start, batch_rows.min(count - start)));
        let batches: Vec<_> = batches.collect();
        let mut pages = HostPages::new(most_rows_of_a_host(&batches[0]), most);
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_data_page_row_count_limit(pages.least())
            .set_write_batch_size(pages.least())
            .build();
        let names = all.column(HOST_ID).as_dictionary::<Int32Type>();
        let names: Vec<_> = names.downcast_dict::<StringArray>().unwrap().into_iter().collect();
        let mut first = 0;
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, all.schema(), Some(properties)).unwrap();
        for batch in &batches {
            let mut start = 0;
            let is_same_host = first > 0 && names[first] == names[first - 1];
            for end in pages.ends(batch, is_same_host) {
                writer.write(&batch.slice(start, end - start)).unwrap();
                start = end;
            }
            assert_eq!(start, batch.num_rows());
            first += start;
        }
        writer.close().unwrap();
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
        reader.try_parse(&bytes::Bytes::from(file)).unwrap();
        let metadata = reader.finish().unwrap();
        let columns = metadata.offset_index().unwrap()[0].iter().map(|column| {
            let places = column.page_locations().iter().map(|place| place.first_row_index as usize);
            places.chain([count]).collect::<Vec<_>>()
        });
        let columns: BTreeSet<_> = columns.collect();
        assert_eq!(columns.len(), 1, "pages of all columns begin at the same rows");
        columns.into_iter().next().unwrap()
    }

    /// In how many pages the rows of each host are.
    fn pages_of_hosts(hosts: &[usize], starts: &[usize]) -> Vec<usize> {
        let mut first = 0;
        let pages = hosts.iter().map(|rows| {
            let of_host = first..first + rows;
            first += rows;
            starts.windows(2).filter(|page| page[0] < of_host.end && page[1] > of_host.start).count()
        });
        pages.collect()
    }

    /// All but a host or two that a batch ended in, where a page was nearly full.
    fn check(hosts: &[usize], most: usize, pages: usize) {
        let found = pages_of_hosts(hosts, &starts(hosts, most, 8192));
        let others = found.iter().filter(|found| **found != pages).count();
        assert!(others <= 2 && found.iter().max() <= Some(&(pages + 1)), "{hosts:?}: {found:?}");
    }

    #[test]
    fn a_page_is_of_whole_hosts() {
        for (of_host, most, pages) in
            [(1440, 2048, 1), (240, 512, 1), (60, 512, 1), (720, 2048, 1), (2880, 2048, 1), (5760, 2048, 3)]
        {
            check(&[of_host; 40], most, pages);
        }
    }

    #[test]
    fn a_row_more_or_less_changes_nothing() {
        for (of_host, most, pages) in [(1440, 2048, 1), (240, 512, 1), (5760, 2048, 3)] {
            let hosts: Vec<_> =
                (0..40).map(|host| of_host + [0, 1, 0, 0][host % 4] - [0, 0, 2, 0][host % 4]).collect();
            check(&hosts, most, pages);
        }
    }

    proptest! {
        #[test]
        fn no_page_is_much_larger_than_meant(
            hosts in prop::collection::vec(1usize..3000, 1..30),
            most in prop_oneof![Just(512usize), Just(2048)],
            batch_rows in 1000usize..9000,
        ) {
            let starts = starts(&hosts, most, batch_rows);
            let largest = starts.windows(2).map(|page| page[1] - page[0]).max().unwrap_or_default();
            prop_assert!(largest <= 3 * most, "{largest}");
            prop_assert!(starts.len() <= hosts.iter().sum::<usize>() / (most / 4) + 2, "{starts:?}");
        }
    }
}
