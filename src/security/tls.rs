//! TLS: the one cryptography provider, the server's certificate, and authorities of an operator's own.
//!
//! Says nothing more about clients: the SMTP and HTTP clients bring their own trust.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use thiserror::Error;

/// Makes ring the provider of this process. To be called first in `main`; later calls do nothing.
pub fn install() {
    if CryptoProvider::get_default().is_none() {
        // Lost to another thread at worst, which installed the same.
        let _ = ring::default_provider().install_default();
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file is missing, closed to us, or holds no PEM of the wanted kind.
    #[error("{}: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was looked for and what came.
        problem: String,
    },
    /// The two files do not belong together, or the key is of no kind that can serve.
    #[error("certificate and key do not fit: {0}")]
    Mismatch(#[source] rustls::Error),
    /// A certificate that nothing can be proved by.
    #[error("{}: holds no certificate authority: {source}", path.display())]
    NoAuthority {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
}

/// A server that shows `cert` (PEM, its own certificate first, then the chain) and proves it by
/// `key` (PEM), for HTTP/2 (so gRPC) and HTTP/1.1 on one port.
pub fn server_config(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(cert, "certificate", &error))?;
    if chain.is_empty() {
        return Err(unreadable(cert, "certificate", &pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unreadable(key, "private key", &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Mismatch)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The text of a PEM file of certificate authorities that a client may trust.
pub fn authorities(path: &Path) -> Result<String, TlsError> {
    let text = fs::read_to_string(path)
        .map_err(|error| unreadable(path, "certificate", &pem::Error::Io(error)))?;
    let authorities = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(path, "certificate", &error))?;
    if authorities.is_empty() {
        return Err(unreadable(path, "certificate", &pem::Error::NoItemsFound));
    }
    let mut trusted = RootCertStore::empty();
    for authority in authorities {
        trusted
            .add(authority)
            .map_err(|source| TlsError::NoAuthority { path: path.to_owned(), source })?;
    }
    Ok(text)
}

fn unreadable(path: &Path, wanted: &str, error: &pem::Error) -> TlsError {
    let problem = match error {
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        pem::Error::NoItemsFound => format!("holds no {wanted} in PEM"),
        other => format!("holds no {wanted} in PEM: {other}"),
    };
    TlsError::Unreadable { path: path.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_served_only_with_its_own_key() {
        let room = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            let [cert, key] =
                ["cert", "key"].map(|what| room.path().join(format!("{name}-{what}")));
            fs::write(&cert, made.cert.pem()).unwrap();
            fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            (cert, key)
        });
        assert_eq!(server_config(&first.0, &first.1).unwrap().alpn_protocols[0], b"h2");
        assert!(matches!(server_config(&first.0, &second.1), Err(TlsError::Mismatch(_))));
        for (cert, key, told) in [
            (&room.path().join("absent"), &first.1, "absent: cannot be read"),
            (&first.1, &first.1, "first-key: holds no certificate in PEM"),
            (&first.0, &first.0, "first-cert: holds no private key in PEM"),
        ] {
            let error = server_config(cert, key).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn an_authority_is_a_certificate_that_can_be_read() {
        let room = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = |name: &str, text: &str| {
            let path = room.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let good = file("ca.pem", &made.cert.pem());
        assert_eq!(authorities(&good).unwrap(), made.cert.pem());
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (path, told) in [
            (room.path().join("absent"), "absent: cannot be read"),
            (file("key.pem", &made.signing_key.serialize_pem()), "holds no certificate in PEM"),
            (file("broken.pem", broken), "broken.pem: holds no certificate authority"),
        ] {
            let error = authorities(&path).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
