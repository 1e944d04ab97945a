//! Which processes the next pass has to tell in full.

use std::fmt;

use aya::maps::{Array, Map, MapData};

use crate::error::BpfError;

const NAME: &str = "asked_for";

/// As in `bpf/records.h`: so many pids apart, processes share a place.
const PLACES: u32 = 1 << 14;
const WORDS: usize = PLACES as usize / 64;

/// A bit for each place.
pub(crate) struct Asked {
    map: Array<MapData, [u64; WORDS]>,
    places: Box<[u64; WORDS]>,
    /// What the program has.
    put: Box<[u64; WORDS]>,
}

impl Asked {
    pub(crate) fn new(map: Map) -> Result<Self, BpfError> {
        let map = Array::try_from(map);
        let map = map.map_err(|error| BpfError::Map { name: NAME, source: Box::new(error) })?;
        Ok(Self { map, places: Box::new([u64::MAX; WORDS]), put: Box::new([0; WORDS]) })
    }

    pub(crate) fn ask(&mut self, pid: u32) {
        let place = pid % PLACES;
        if let Some(word) = self.places.get_mut(place as usize / 64) {
            *word |= 1 << (place % 64);
        }
    }

    pub(crate) fn ask_all(&mut self) {
        self.places.fill(u64::MAX);
    }

    pub(crate) fn ask_none(&mut self) {
        self.places.fill(0);
    }

    /// Hands it to the program. `true`: all are asked for.
    pub(crate) fn put(&mut self) -> Result<bool, BpfError> {
        if self.places != self.put {
            let put = self.map.set(0, *self.places, 0);
            put.map_err(|error| BpfError::Map { name: NAME, source: Box::new(error) })?;
            self.put.copy_from_slice(&*self.places);
        }
        Ok(self.places.iter().all(|word| *word == u64::MAX))
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Asked").finish_non_exhaustive()
    }
}
