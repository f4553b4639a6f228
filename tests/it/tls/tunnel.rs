//! Relays between clear text and TLS, so that the clients and targets of all tests work over TLS too.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use super::authority::{Authority, Issued};

/// A relay on a port of its own; ends when dropped.
pub(super) struct Tunnel {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Tunnel {
    /// Takes clear text and speaks TLS with a node, whose certificate has to be by this authority.
    pub(super) fn to(node: SocketAddr, authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority.certificate()).unwrap()).unwrap();
        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        Self::relay(move |plain| {
            let connector = connector.clone();
            async move {
                let name = ServerName::try_from("localhost").unwrap();
                let secure = connector.connect(name, TcpStream::connect(node).await?).await?;
                join(plain, secure).await
            }
        })
    }

    /// Speaks TLS with whoever connects, showing this certificate, and passes clear text on to a target.
    pub(super) fn before(target: SocketAddr, shown: &Issued) -> Self {
        let chain = CertificateDer::pem_file_iter(&shown.certificate).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&shown.key).unwrap();
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        Self::relay(move |secure| {
            let acceptor = acceptor.clone();
            async move { join(TcpStream::connect(target).await?, acceptor.accept(secure).await?).await }
        })
    }

    fn relay<F: Future<Output = io::Result<()>> + Send + 'static>(
        each: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let relayed = each(stream);
                tokio::spawn(async move { drop(relayed.await) });
            }
        });
        Self { address, _runtime: runtime }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn join(mut plain: TcpStream, mut secure: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    plain.set_nodelay(true)?;
    copy_bidirectional(&mut plain, &mut secure).await.map(|_| ())
}
