//! A map of bounded size.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A map that holds at most `capacity` entries. For a new one, the entry goes that was not used for
/// the longest time (*least recently used*, as in `functools.lru_cache`).
///
/// Two maps: one from the key to the value, and one that holds the keys in the order of their last
/// use. Python has both in one, `OrderedDict` with `move_to_end`. The order could also be a linked
/// list, which is O(1); this is O(log n), about 17 comparisons for 100,000 entries, and needs
/// neither `unsafe` nor indices that must be kept consistent. Each key is stored twice, so a long
/// one had better be an `Arc<str>`.
#[derive(Debug)]
pub struct Lru<K, V> {
    capacity: usize,
    slots: HashMap<K, Slot<V>>,
    /// The keys, by the number of their last use. The first one is the next to go.
    order: BTreeMap<u64, K>,
    /// How often anything was used. It does not overflow: at a billion uses a second that takes
    /// 584 years.
    uses: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Slot<V> {
    last_use: u64,
    value: V,
}

impl<K: Clone + Eq + Hash, V> Lru<K, V> {
    /// An empty map for `capacity` entries. With a capacity of 0 it keeps nothing.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        // Grows as it is filled: a large capacity costs nothing until it is used.
        Self {
            capacity,
            slots: HashMap::new(),
            order: BTreeMap::new(),
            uses: 0,
            evicted: 0,
        }
    }

    /// The value of `key`, which thereby counts as used.
    pub fn get<Q>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let slot = self.slots.get_mut(key)?;
        self.uses += 1;
        if let Some(key) = self.order.remove(&slot.last_use) {
            self.order.insert(self.uses, key);
        }
        slot.last_use = self.uses;
        Some(&slot.value)
    }

    /// Sets the value of `key`, which thereby counts as used.
    ///
    /// Returns what is no longer in the map: the former value of `key`, or the entry that had to
    /// go, or the new one if the capacity is 0.
    pub fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        if self.capacity == 0 {
            return Some((key, value));
        }
        let former = self.remove(&key);
        let displaced = match former {
            Some(former) => Some((key.clone(), former)),
            None if self.slots.len() == self.capacity => self.evict(),
            None => None,
        };
        self.uses += 1;
        let last_use = self.uses;
        self.order.insert(last_use, key.clone());
        self.slots.insert(key, Slot { last_use, value });
        displaced
    }

    /// Takes `key` out.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let slot = self.slots.remove(key)?;
        self.order.remove(&slot.last_use);
        Some(slot.value)
    }

    fn evict(&mut self) -> Option<(K, V)> {
        let (_, key) = self.order.pop_first()?;
        let slot = self.slots.remove(&key)?;
        self.evicted += 1;
        Some((key, slot.value))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many entries had to go for a new one, since the map was made.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}
