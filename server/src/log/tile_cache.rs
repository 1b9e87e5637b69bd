//! Full tiles and bundles that were read lately, ready to be sent: a reader who follows the log asks for what others
//! have just asked for.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;

/// Which full resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Full {
    /// A hash tile.
    Tile {
        /// Its level.
        level: u8,
        /// Its index.
        index: u64,
    },
    /// An entry bundle.
    Bundle {
        /// Its index.
        index: u64,
    },
    /// An entry bundle as gzip; see `gzip`.
    Gzip {
        /// The bundle's index.
        index: u64,
    },
}

/// A cache of bounded bytes in two generations: what is used moves to the young one; when that is full the old one is
/// dropped and the young one grows old. What never changes is never stale.
pub(crate) struct TileCache {
    /// Bytes of one generation.
    half: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Full, Bytes>,
    old: HashMap<Full, Bytes>,
    young_bytes: usize,
}

impl TileCache {
    /// An empty cache of at most about that many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            half: bytes / 2,
            generations: Mutex::default(),
        }
    }

    pub(crate) fn get(&self, key: Full) -> Option<Bytes> {
        let mut generations = self.generations.lock();
        if let Some(bytes) = generations.young.get(&key) {
            return Some(bytes.clone());
        }
        let bytes = generations.old.remove(&key)?;
        self.put(&mut generations, key, bytes.clone());
        Some(bytes)
    }

    pub(crate) fn insert(&self, key: Full, bytes: Bytes) {
        self.put(&mut self.generations.lock(), key, bytes);
    }

    /// The bytes that are kept.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let generations = self.generations.lock();
        let (young, old) = (generations.young.values(), generations.old.values());
        young.chain(old).map(Bytes::len).sum()
    }

    fn put(&self, generations: &mut Generations, key: Full, bytes: Bytes) {
        if bytes.len() > self.half {
            return;
        }
        if generations.young_bytes + bytes.len() > self.half {
            generations.old = std::mem::take(&mut generations.young);
            generations.young_bytes = 0;
        }
        generations.young_bytes += bytes.len();
        if let Some(before) = generations.young.insert(key, bytes) {
            generations.young_bytes -= before.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn tile(index: u64) -> Full {
        Full::Tile { level: 0, index }
    }

    #[test]
    fn what_is_used_stays_and_the_bytes_are_bounded() {
        let cache = TileCache::new(8_000);
        for index in 0..100 {
            cache.insert(tile(index), Bytes::from(vec![0; 1_000]));
            assert!(
                cache.get(tile(0)).is_some(),
                "used after each insert, gone at {index}"
            );
            let generations = cache.generations.lock();
            assert!(generations.young.len() + generations.old.len() <= 8);
        }
        assert!(cache.get(tile(1)).is_none(), "unused for 98 inserts");
        assert_eq!(cache.get(tile(99)).map(|bytes| bytes.len()), Some(1_000));
    }

    #[test]
    fn what_is_larger_than_half_of_it_is_not_kept() {
        let cache = TileCache::new(8_000);
        cache.insert(tile(1), Bytes::from(vec![0; 4_001]));
        assert!(cache.get(tile(1)).is_none());
        cache.insert(tile(1), Bytes::from(vec![0; 10]));
        cache.insert(tile(1), Bytes::from(vec![0; 20]));
        assert_eq!(
            cache.generations.lock().young_bytes,
            20,
            "replaced, not counted twice"
        );
    }
}
