//! Whose process listens on a local port. Any user of the machine can listen on the ports of the usual model servers, and would
//! be sent the user's code.

use std::fs;

/// The first id of an ordinary user's account; those below belong to services. `UID_MIN` of `/etc/login.defs` on all common
/// distributions.
const FIRST_ORDINARY: u32 = 1000;

/// `nobody`, as which services run too.
const NOBODY: u32 = 65534;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENS: &str = "0A";

/// The other ordinary user whose process listens on this port of the machine, if one does.
pub(crate) fn other_user(port: u16) -> Option<u32> {
    let own = rustix::process::getuid().as_raw();
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| fs::read_to_string(file).unwrap_or_default());
    let mut listening = tables.iter().flat_map(|table| owners(table, port));
    listening.find(|user| *user != own && *user >= FIRST_ORDINARY && *user != NOBODY)
}

/// The users whose sockets listen on `port`: lines are `sl local_address rem_address st queues timer retransmits uid …`, addresses
/// and ports in hexadecimal (<https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html>).
fn owners(table: &str, port: u16) -> impl Iterator<Item = u32> {
    table.lines().skip(1).filter_map(move |line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, at) = fields.get(1)?.rsplit_once(':')?;
        let listens = *fields.get(3)? == LISTENS && u16::from_str_radix(at, 16).ok()? == port;
        listens.then(|| fields.get(7)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_that_listen_on_a_port_are_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1235        0 1 1 0 100 0 0 10 0\n\
            1: 0100007F:1F40 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0\n\
            2: 00000000:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0           0 1 1 0 100 0 0 10 0\n";
        assert_eq!(owners(table, 8000).collect::<Vec<_>>(), [1235]);
        assert_eq!(owners(table, 8001).collect::<Vec<_>>(), [0]);
        assert_eq!(owners("", 1).count(), 0);
    }

    #[test]
    fn ones_own_server_is_not_another_users() {
        let own = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(other_user(own.local_addr().unwrap().port()), None);
    }
}
