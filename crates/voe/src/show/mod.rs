//! What a person sees.

#[macro_use]
pub(crate) mod out;

pub(crate) mod ask;
pub(crate) mod below;
pub(crate) mod block;
pub(crate) mod live;
pub(crate) mod markdown;
pub(crate) mod paint;
pub(crate) mod text;

pub(crate) use live::{Json, Live};
pub(crate) use paint::Paint;
pub(crate) use voe_untrusted::text::one_line;
