//! What can be wrong with a device.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// What is wrong with a device, after it has behaved well for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It sends nothing any more.
    Silence,
    /// It sends what is no line of the protocol.
    Garbage,
    /// As if its cable were pulled: it neither sends nor reads, and nothing says that it is gone.
    HalfOpen,
    /// It sends readings as fast as it can.
    Flood,
    /// Its clock is a day slow.
    Clock,
    /// It answers no command.
    Deaf,
}

impl Fault {
    /// All that there are.
    pub const ALL: [Self; 6] = [
        Self::Silence,
        Self::Garbage,
        Self::HalfOpen,
        Self::Flood,
        Self::Clock,
        Self::Deaf,
    ];

    /// What the command line calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Garbage => "garbage",
            Self::HalfOpen => "half-open",
            Self::Flood => "flood",
            Self::Clock => "clock",
            Self::Deaf => "deaf",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How many devices have which fault: `silence,garbage=3`, or `all=10` for ten of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<(Fault, usize)>);

impl Faults {
    /// One device of each.
    #[must_use]
    pub fn one_of_each() -> Self {
        Self(Fault::ALL.map(|fault| (fault, 1)).to_vec())
    }

    /// How many devices have a fault.
    #[must_use]
    pub fn count(&self) -> usize {
        let counts = self.0.iter().map(|(_, count)| *count);
        counts.fold(0, usize::saturating_add)
    }

    /// One for each device that has it.
    pub(crate) fn list(&self) -> impl Iterator<Item = Fault> {
        let each = self.0.iter();
        each.flat_map(|&(fault, count)| std::iter::repeat_n(fault, count))
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Vec::new();
        for part in text.split(',') {
            let (name, count) = part.split_once('=').unwrap_or((part, "1"));
            let count = count
                .parse()
                .map_err(|_| format!("{count:?} is no number of devices"))?;
            let named: Vec<Fault> = Fault::ALL
                .into_iter()
                .filter(|fault| name == "all" || name == fault.name())
                .collect();
            if named.is_empty() {
                let all = Fault::ALL.map(Fault::name).join(", ");
                return Err(format!(
                    "there is no fault {name:?}; there are {all}, and all"
                ));
            }
            faults.extend(named.into_iter().map(|fault| (fault, count)));
        }
        Ok(Self(faults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read() {
        let read = |text: &str| text.parse::<Faults>();
        let faults = read("silence,garbage=3").unwrap();
        assert_eq!(
            faults,
            Faults(vec![(Fault::Silence, 1), (Fault::Garbage, 3)])
        );
        assert_eq!(faults.list().count(), 4);
        assert_eq!(read("all").unwrap(), Faults::one_of_each());
        assert_eq!(read("all=2").unwrap().count(), 12);
        for wrong in [
            "",
            "fire",
            "silence=",
            "silence=-1",
            "silence=x",
            "all,",
            "=3",
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
