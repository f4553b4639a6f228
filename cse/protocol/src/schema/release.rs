//! Releases of the specification, in their order (`X-M2M-RVI`, TS-0004 6.4.1).
//!
//! Which release a node supports is left to its settings.

/// A release of the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// 1, also that of requests which name none.
    #[default]
    R1,
    /// 2
    R2,
    /// 2a
    R2a,
    /// 3
    R3,
    /// 4
    R4,
    /// 5
    R5,
}

impl Release {
    /// Every release, oldest first.
    pub const ALL: &[Release] = &[Self::R1, Self::R2, Self::R2a, Self::R3, Self::R4, Self::R5];

    /// From the value of the Release Version Indicator; `None` for one that does not exist.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|release| release.as_str() == text)
    }

    /// The value of the Release Version Indicator.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::R1 => "1",
            Self::R2 => "2",
            Self::R2a => "2a",
            Self::R3 => "3",
            Self::R4 => "4",
            Self::R5 => "5",
        }
    }
}
