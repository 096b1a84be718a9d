//! Who is online, and who was.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::device::{Device, Session};

/// All devices by their ids. Bounded: those that have been offline for the longest time are
/// forgotten. Otherwise somebody who connects with a new id each time would fill the memory.
#[derive(Debug)]
pub(crate) struct Registry {
    max: usize,
    devices: HashMap<Arc<str>, Arc<Device>>,
    /// Those that are offline, in the order in which they went.
    offline: BTreeMap<u64, Arc<str>>,
    went_offline: u64,
}

/// Every device that can be remembered is online.
#[derive(Debug)]
pub(crate) struct Full;

impl Registry {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            devices: HashMap::new(),
            offline: BTreeMap::new(),
            went_offline: 0,
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Device>> {
        self.devices.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Device>> {
        self.devices.values()
    }

    pub(crate) fn known(&self) -> usize {
        self.devices.len()
    }

    pub(crate) fn online(&self) -> usize {
        self.devices.len() - self.offline.len()
    }

    /// From now on this session speaks for the device. Returns the session that did until now.
    pub(crate) fn enter(
        &mut self,
        id: &str,
        every: Duration,
        session: Session,
    ) -> Result<(Arc<Device>, Option<Session>), Full> {
        let device = if let Some(device) = self.devices.get(id) {
            Arc::clone(device)
        } else {
            if self.devices.len() >= self.max {
                let (_, oldest) = self.offline.pop_first().ok_or(Full)?;
                self.devices.remove(&oldest);
            }
            let device = Arc::new(Device::new(id, every));
            let key = Arc::clone(&device.id);
            self.devices.insert(key, Arc::clone(&device));
            device
        };
        let mut state = device.lock();
        state.connections += 1;
        state.heard = tokio::time::Instant::now();
        let before = state.session.replace(session);
        if before.is_none() {
            self.offline.remove(&state.offline_since);
        }
        drop(state);
        Ok((device, before))
    }

    /// The session `number` has ended. Whether the device is offline by that: a newer session may
    /// speak for it by now.
    pub(crate) fn leave(&mut self, device: &Arc<Device>, number: u64) -> bool {
        let mut state = device.lock();
        if state
            .session
            .as_ref()
            .is_none_or(|session| session.number != number)
        {
            return false;
        }
        state.session = None;
        state.offline += 1;
        self.went_offline += 1;
        state.offline_since = self.went_offline;
        self.offline
            .insert(self.went_offline, Arc::clone(&device.id));
        true
    }
}
