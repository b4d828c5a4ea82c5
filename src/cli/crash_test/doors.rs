//! The doors between the processes: small proxies on this machine, through which all calls go, so that
//! they keep their addresses while processes come and go, and can be cut at points with a name.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::{
    misfortune::{Point, Replica, Way},
    process::Process,
};

/// The longest head or body that is passed on: no call between the two comes near it.
const LONGEST: usize = 16 << 20;

/// Opens a door on any free port of this machine: each who comes is served by `serve`.
pub async fn open<Served>(
    serve: impl Fn(TcpStream) -> Served + Send + 'static,
) -> io::Result<SocketAddr>
where
    Served: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            // Small answers must not wait for more to come; if it cannot be set, they are only slower.
            let _ = caller.set_nodelay(true);
            let served = serve(caller);
            tokio::spawn(async move {
                // What breaks here breaks for both sides, and that is what they are tested for.
                let _ = served.await;
            });
        }
    });
    Ok(address)
}

/// The way in: whoever calls is passed on to one of the replicas that are up, one after the other.
pub async fn front(replicas: Vec<Arc<Replica>>) -> io::Result<SocketAddr> {
    let turn = Arc::new(AtomicUsize::new(0));
    open(move |mut caller| {
        let first = turn.fetch_add(1, Ordering::Relaxed);
        let all = replicas.len();
        let addresses = (0..all).filter_map(|n| replicas[(first + n) % all].process.address());
        let addresses: Vec<_> = addresses.collect();
        async move {
            for address in addresses {
                if let Ok(mut replica) = TcpStream::connect(address).await {
                    replica.set_nodelay(true)?;
                    copy_bidirectional(&mut caller, &mut replica).await?;
                    return Ok(());
                }
            }
            Ok(())
        }
    })
    .await
}

/// The way to a process for those whom nothing befalls.
pub async fn straight(process: Arc<Process>) -> io::Result<SocketAddr> {
    open(move |mut caller| {
        let address = process.address();
        async move {
            let Some(address) = address else { return Ok(()) };
            let mut process = TcpStream::connect(address).await?;
            process.set_nodelay(true)?;
            copy_bidirectional(&mut caller, &mut process).await?;
            Ok(())
        }
    })
    .await
}

/// The way from `replica` to the gateway, call by call.
pub async fn gateway(replica: Arc<Replica>, gateway: Arc<Process>) -> io::Result<SocketAddr> {
    open(move |caller| pass_calls(caller, Arc::clone(&replica), Arc::clone(&gateway))).await
}

async fn pass_calls(
    mut caller: TcpStream,
    replica: Arc<Replica>,
    gateway: Arc<Process>,
) -> io::Result<()> {
    let Some(address) = gateway.address() else { return Ok(()) };
    let mut gateway = TcpStream::connect(address).await?;
    gateway.set_nodelay(true)?;
    while let Some(call) = message(&mut caller).await? {
        // What only asks can be asked again; what moves money is what matters.
        let moves_money = call.starts_with(b"POST ");
        if moves_money && replica.comes_to(Point::BeforeSend).await == Way::Over {
            return Ok(());
        }
        gateway.write_all(&call).await?;
        let Some(answer) = message(&mut gateway).await? else { return Ok(()) };
        if moves_money && replica.comes_to(Point::BeforeRecord).await == Way::Over {
            return Ok(());
        }
        caller.write_all(&answer).await?;
    }
    Ok(())
}

/// Reads one message of HTTP/1.1 whole, whose length its head tells. Nothing, if the other side has
/// hung up.
async fn message(line: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut read = Vec::new();
    let body_at = loop {
        if let Some(end) = end_of_head(&read) {
            break end;
        }
        if read.len() > LONGEST || line.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
    };
    let whole = body_at + length(&read[..body_at]);
    while read.len() < whole {
        if whole > LONGEST || line.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(read))
}

fn end_of_head(read: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    read.windows(END.len()).position(|window| window == END).map(|at| at + END.len())
}

/// The length of the body, as the head tells it.
fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head);
    let told = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    told.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_is_read_whole_or_not_at_all() {
        for (sent, read) in [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", true),
            ("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nab", false),
            ("GET / HTTP/1.1\r\n", false),
        ] {
            let mut line = sent.as_bytes();
            let expected = read.then(|| sent.as_bytes().to_vec());
            assert_eq!(message(&mut line).await.unwrap(), expected, "{sent:?}");
        }
    }
}
