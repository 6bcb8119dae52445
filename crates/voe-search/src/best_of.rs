//! `best-of-n`: n attempts by one or several strategies and temperatures; the best by evidence.

use crate::search::Search;
use crate::shared::SearchError;

pub(crate) async fn run(search: &mut Search) -> Result<(), SearchError> {
    let (mut orders, mut reserved) = (Vec::new(), Vec::new());
    for i in 0..search.keys.n {
        let strategy = search.strategy(i as usize);
        // All shares are dealt out before the first begins: so none depends on which of them is faster.
        let Some(limits) = search.allot(&strategy, &reserved, search.keys.n - i) else { continue };
        reserved.push(limits.clone());
        orders.push(search.fresh(i + 1, i as usize, limits));
    }
    search.roll(orders).await?;
    Ok(())
}
