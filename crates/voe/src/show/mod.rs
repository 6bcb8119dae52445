//! What a person sees.

pub(crate) mod block;
pub(crate) mod live;
pub(crate) mod paint;

pub(crate) use live::{Json, Live};
pub(crate) use paint::Paint;
