//! `best-of-n`: n attempts by one or several strategies and temperatures; the best by evidence.

use crate::search::Search;
use crate::shared::SearchError;

pub(crate) async fn run(search: &mut Search) -> Result<(), SearchError> {
    let (mut specs, mut reserved) = (Vec::new(), Vec::new());
    for i in 0..search.keys.n {
        let strategy = search.strategy(i as usize);
        // All shares are given out before the first attempt begins, so that none depends on which is faster.
        let Some(limits) = search.allot(&strategy, &reserved, search.keys.n - i) else { continue };
        reserved.push(limits.clone());
        specs.push(search.fresh(i + 1, i as usize, limits));
    }
    search.roll(specs).await?;
    Ok(())
}
