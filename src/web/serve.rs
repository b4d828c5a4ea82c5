//! One port for gRPC and HTTP, with or without TLS, and its orderly end.
//!
//! HTTP/2 without TLS is taken by prior knowledge, as gRPC clients on loopback speak it. Whether
//! plain HTTP is allowed at all is decided by `config::check`.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a client may take to agree on keys.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Clients that may be agreeing on keys at once; more wait in the system's queue.
const HANDSHAKES_MAX: usize = 256;

/// Who is at the other end: `ConnectInfo<Peer>` in a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Serves until `shutdown` comes; then takes no new connection and gives those that are open `grace`
/// to finish what they are at.
pub async fn serve(
    router: Router,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    shutdown: impl Future<Output = ()> + Send + 'static,
    grace: Duration,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<Peer>();
    let (closing, closed) = oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        // Nobody listens only when the server ended before.
        let _ = closing.send(());
    };
    let grace_is_over = async move {
        match closed.await {
            Ok(()) => tokio::time::sleep(grace).await,
            // Without a shutdown there is no grace that could be over.
            Err(_) => std::future::pending().await,
        }
    };
    let served = async move {
        match tls {
            None => {
                let listener = PlainListener(listener);
                axum::serve(listener, service).with_graceful_shutdown(shutdown).await
            }
            Some(config) => {
                let listener = TlsListener::new(listener, config);
                axum::serve(listener, service).with_graceful_shutdown(shutdown).await
            }
        }
    };
    tokio::select! {
        ended = served => ended,
        () = grace_is_over => {
            tracing::warn!(?grace, "connections were still open when the grace was over");
            Ok(())
        }
    }
}

impl Connected<IncomingStream<'_, PlainListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, PlainListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Sends what there is at once: a reply in two parts would else wait for the caller's delayed
/// acknowledgement of the first, some 40 ms.
fn at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection cannot be made to send at once");
    }
}

/// Accepts connections as they come.
struct PlainListener(TcpListener);

impl Listener for PlainListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        at_once(&stream);
        (stream, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

type Agreed = Option<(TlsStream<TcpStream>, SocketAddr)>;

/// Accepts connections and agrees on keys with many at once, so that a silent client delays nobody.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Agreed>,
}

impl TlsListener {
    fn new(listener: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self { listener, acceptor: TlsAcceptor::from(config), handshakes: JoinSet::new() }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let has_room = self.handshakes.len() < HANDSHAKES_MAX;
            tokio::select! {
                (stream, peer) = Listener::accept(&mut self.listener), if has_room => {
                    at_once(&stream);
                    let handshake = self.acceptor.accept(stream);
                    self.handshakes.spawn(agree(handshake, peer));
                }
                Some(ended) = self.handshakes.join_next() => {
                    if let Ok(Some(agreed)) = ended {
                        return agreed;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

async fn agree(handshake: tokio_rustls::Accept<TcpStream>, peer: SocketAddr) -> Agreed {
    match tokio::time::timeout(HANDSHAKE_DEADLINE, handshake).await {
        Ok(Ok(stream)) => Some((stream, peer)),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "no TLS with this client");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "no TLS with this client: too slow");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::{extract::ConnectInfo, routing::get};
    use rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::mpsc,
        task::JoinHandle,
    };
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::security::tls;

    const LONG: Duration = Duration::from_mins(1);

    /// A server on a free port, a client that trusts it, and the way to stop it.
    struct Stand {
        address: SocketAddr,
        scheme: &'static str,
        trusted: Option<CertificateDer<'static>>,
        stop: oneshot::Sender<()>,
        ended: JoinHandle<io::Result<()>>,
    }

    impl Stand {
        async fn open(router: Router, with_tls: bool, grace: Duration) -> Self {
            tls::install();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (config, trusted) = with_tls.then(certificate).unzip();
            let (stop, stopped) = oneshot::channel::<()>();
            let shutdown = async move { stopped.await.unwrap_or_default() };
            let ended = tokio::spawn(serve(router, listener, config, shutdown, grace));
            let scheme = if with_tls { "https" } else { "http" };
            Self { address, scheme, trusted, stop, ended }
        }

        fn url(&self) -> String {
            format!("{}://{}/", self.scheme, self.address)
        }

        fn client(&self) -> reqwest::ClientBuilder {
            let trusted =
                self.trusted.iter().map(|der| reqwest::Certificate::from_der(der).unwrap());
            reqwest::Client::builder().no_proxy().tls_certs_only(trusted)
        }
    }

    fn certificate() -> (Arc<ServerConfig>, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let room = tempfile::tempdir().unwrap();
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| room.path().join(name));
        fs::write(&cert, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (tls::server_config(&cert, &key).unwrap(), made.cert.der().clone())
    }

    fn greeting() -> Router {
        Router::new()
            .route("/", get(|ConnectInfo(Peer(peer))| async move { peer.ip().to_string() }))
    }

    #[tokio::test]
    async fn replies_do_not_wait_for_acknowledgements() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = Listener::accept(&mut PlainListener(listener)).await;
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test]
    async fn one_port_speaks_http_1_and_2_with_and_without_tls() {
        for with_tls in [false, true] {
            let stand = Stand::open(greeting(), with_tls, LONG).await;
            for (client, version) in [
                (stand.client().http1_only(), reqwest::Version::HTTP_11),
                (stand.client().http2_prior_knowledge(), reqwest::Version::HTTP_2),
            ] {
                let answer = client.build().unwrap().get(stand.url()).send().await.unwrap();
                assert_eq!(answer.version(), version);
                assert_eq!(answer.text().await.unwrap(), "127.0.0.1");
            }
        }
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_delays_nobody() {
        let stand = Stand::open(greeting(), true, LONG).await;
        let _silent = TcpStream::connect(stand.address).await.unwrap();
        let client = stand.client().build().unwrap();
        assert!(client.get(stand.url()).send().await.unwrap().status().is_success());
    }

    #[tokio::test]
    async fn a_client_that_speaks_no_tls_disturbs_nobody() {
        let stand = Stand::open(greeting(), true, LONG).await;
        let early = TcpStream::connect(stand.address).await.unwrap();
        let mut rude = TcpStream::connect(stand.address).await.unwrap();
        rude.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        rude.read_to_end(&mut Vec::new()).await.unwrap();

        let mut roots = RootCertStore::empty();
        roots.add(stand.trusted.clone().unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::from(stand.address.ip());
        let mut polite = TlsConnector::from(Arc::new(config)).connect(name, early).await.unwrap();
        polite.write_all(b"GET / HTTP/1.0\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        polite.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("127.0.0.1"), "{answer}");
    }

    /// A route that tells when it was entered and answers when it is let go.
    fn slow() -> (Router, mpsc::Receiver<oneshot::Sender<()>>) {
        let (entered, entries) = mpsc::channel(1);
        let answer = move || async move {
            let (let_go, gone) = oneshot::channel();
            entered.send(let_go).await.unwrap();
            gone.await.unwrap();
            "done"
        };
        (Router::new().route("/", get(answer)), entries)
    }

    #[tokio::test]
    async fn what_is_in_flight_finishes_after_the_stop() {
        for with_tls in [false, true] {
            let (router, mut entries) = slow();
            let stand = Stand::open(router, with_tls, LONG).await;
            let call = tokio::spawn(stand.client().build().unwrap().get(stand.url()).send());
            let let_go = entries.recv().await.unwrap();
            stand.stop.send(()).unwrap();
            // The call is let go when the port is closed, not before.
            while TcpStream::connect(stand.address).await.is_ok() {}
            let_go.send(()).unwrap();
            assert_eq!(call.await.unwrap().unwrap().text().await.unwrap(), "done");
            stand.ended.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn what_never_ends_is_cut_when_the_grace_is_over() {
        let (router, mut entries) = slow();
        let stand = Stand::open(router, false, Duration::ZERO).await;
        let call = tokio::spawn(stand.client().build().unwrap().get(stand.url()).send());
        let _held = entries.recv().await.unwrap();
        stand.stop.send(()).unwrap();
        stand.ended.await.unwrap().unwrap();
        drop(call);
    }
}
