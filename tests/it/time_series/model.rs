//! A time series as it has to be, with no index and no cache.

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) generated: String,
    pub(super) bytes: usize,
}

/// What a time series has to hold, its instances in the order in which they were created.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) instances: Vec<Instance>,
    pub(super) most: Option<usize>,
    pub(super) most_bytes: Option<usize>,
}

impl Model {
    /// An instance is sent. Gives the response status code.
    pub(super) fn add(&mut self, instance: Instance) -> u64 {
        if self.instances.iter().any(|other| other.generated == instance.generated) {
            return 4105;
        }
        if self.most == Some(0) || self.most_bytes.is_some_and(|most| instance.bytes > most) {
            return 5207;
        }
        let new = instance.name.clone();
        self.instances.push(instance);
        self.trim(Some(&new));
        2001
    }

    /// Removes what has the oldest data until the limits are met; `new` stays.
    pub(super) fn trim(&mut self, new: Option<&str>) {
        while self.most.is_some_and(|most| self.instances.len() > most)
            || self.most_bytes.is_some_and(|most| self.bytes() > most)
        {
            let old = self.instances.iter().filter(|instance| Some(instance.name.as_str()) != new);
            let Some(oldest) = old.min_by(|one, other| one.generated.cmp(&other.generated)).cloned() else {
                return;
            };
            self.instances.retain(|instance| *instance != oldest);
        }
    }

    /// Bytes of all.
    pub(super) fn bytes(&self) -> usize {
        self.instances.iter().map(|instance| instance.bytes).sum()
    }
}
