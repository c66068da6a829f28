//! The end of TLS between a client and an API server, so that it can be said which protocol the two agreed on. What is
//! said in it is passed on unread.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::certificates::{server, showing, trusting};
use super::rig::Cluster;
use super::{runtime, wait_for};

/// What an API server offers, best first.
const OFFERED: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A relay; it ends when it is dropped.
pub(crate) struct Relay {
    address: SocketAddr,
    agreed: Arc<Mutex<Vec<Agreed>>>,
    acceptor: JoinHandle<()>,
}

/// What a connection came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// The name that the client asked for.
    pub(crate) name: Option<String>,
    /// The protocol.
    pub(crate) protocol: String,
}

impl Relay {
    /// One to this cluster's API server, with a certificate for this name alone.
    pub(crate) fn start(cluster: &Cluster, name: &str) -> Relay {
        let acceptor = TlsAcceptor::from(Arc::new(showing(&server(cluster, name), &OFFERED)));
        let server: SocketAddr = cluster.url()["https://".len()..].parse().expect("it is an address");
        let cluster = Arc::new(trusting(cluster, &OFFERED));
        let listener =
            wait_for(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let agreed: Arc<Mutex<Vec<Agreed>>> = Arc::default();
        let known = Arc::clone(&agreed);
        let acceptor = runtime().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, cluster, known) = (acceptor.clone(), Arc::clone(&cluster), Arc::clone(&known));
                tokio::spawn(async move {
                    // A client that does not like the certificate hangs up, and that is its right.
                    let _ = relay(client, &acceptor, server, cluster, &known).await;
                });
            }
        });
        Relay { address, agreed, acceptor }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// What every connection so far came to.
    pub(crate) fn agreed(&self) -> Vec<Agreed> {
        self.agreed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn relay(
    client: TcpStream,
    acceptor: &TlsAcceptor,
    server: SocketAddr,
    config: Arc<rustls::ClientConfig>,
    known: &Mutex<Vec<Agreed>>,
) -> std::io::Result<()> {
    let mut client = acceptor.accept(client).await?;
    let session = client.get_ref().1;
    let protocol = session.alpn_protocol().unwrap_or(b"none").to_vec();
    let name = session.server_name().map(str::to_owned);
    let agreed = Agreed { name, protocol: String::from_utf8_lossy(&protocol).into_owned() };
    known.lock().unwrap_or_else(PoisonError::into_inner).push(agreed);
    // The same protocol on both sides, because what is passed on is not understood here.
    let mut config = (*config).clone();
    config.alpn_protocols = vec![protocol];
    let connector = TlsConnector::from(Arc::new(config));
    let mut server = connector.connect(server.ip().into(), TcpStream::connect(server).await?).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
