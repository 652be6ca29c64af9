//! The certificate of the listener: opened at the start, and watched while the server runs.

use std::{path::PathBuf, sync::Arc, time::Duration};

use doorward_model::{Clock, PublicUrl};
use doorward_transport::{
    Tls,
    tls::{Files, SelfSigned, TlsError, Validity, self_signed},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Failed,
    config::{Checked, TlsSource},
    data_dir::{self, DataDir},
};

/// The interval between checks of the certificate's end.
const LOOK_EVERY: Duration = Duration::from_hours(24);

/// The place of a certificate that the server makes: it is made again before it ends.
struct Own {
    folder: PathBuf,
    host: String,
}

/// The certificate of the listener.
pub(crate) struct Certificate {
    pub(crate) tls: Tls,
    own: Option<Own>,
    clock: Arc<dyn Clock>,
}

impl Certificate {
    /// The configured certificate, if there is one.
    pub(crate) fn open(
        checked: &Checked,
        data_dir: &DataDir,
        public_url: &PublicUrl,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, Failed> {
        let (files, own) = match &checked.tls {
            TlsSource::None => return Ok(None),
            TlsSource::Files(files) => {
                if let Some(exposed) = data_dir::exposed_to_all(&files.key) {
                    tracing::warn!("{exposed}");
                }
                (files.clone(), None)
            }
            TlsSource::SelfSigned => {
                let own = Own { folder: data_dir.tls(), host: public_url.host().to_owned() };
                (own.files(clock.as_ref())?, Some(own))
            }
        };
        Ok(Some(Self { tls: Tls::open(&files)?, own, clock }))
    }

    /// Follows the files of the certificate and checks its end, at once and once a day, until
    /// `stop`.
    pub(crate) async fn follow(self, stop: CancellationToken) {
        let files = self.tls.clone().follow(stop.clone());
        let end = async {
            loop {
                self.look();
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        };
        tokio::join!(files, end);
    }

    /// Renews the server's own certificate in time, and warns of the end of another one.
    fn look(&self) {
        if let Some(own) = &self.own
            && let Err(error) = own.files(self.clock.as_ref())
        {
            tracing::warn!(%error, "the certificate could not be renewed; the next attempt is \
                tomorrow");
        }
        let file = self.tls.certificate().display();
        match doorward_transport::tls::validity(self.tls.certificate(), self.clock.now()) {
            Ok(Validity::Good) => {}
            Ok(Validity::EndsSoon) => {
                tracing::warn!(%file, "the certificate expires within 14 days; renew it");
            }
            Ok(Validity::Expired) => {
                tracing::warn!(%file, "the certificate has expired and clients refuse it; renew it");
            }
            // Unusable files are reported by the code that follows.
            Err(error) => tracing::debug!(%error, "the expiry of the certificate cannot be read"),
        }
    }
}

impl Own {
    fn files(&self, clock: &dyn Clock) -> Result<Files, TlsError> {
        let SelfSigned { files, is_new } = self_signed(&self.folder, &self.host, clock.now())?;
        if is_new {
            tracing::warn!(host = self.host, file = %files.certificate.display(), "a certificate was created; configure clients to trust it");
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use doorward_model::ports::SystemClock;

    use super::*;

    #[test]
    fn a_self_signed_certificate_is_renewed_while_the_server_runs() {
        let folder = std::env::temp_dir().join(format!("doorward-own-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let now = SystemClock.now();
        for (days, renewed) in [(700, false), (810, true), (900, true)] {
            let host = "nas.lan".to_owned();
            let _ = std::fs::remove_dir_all(&folder);
            let files = self_signed(&folder, &host, now.plus(-days * 86_400)).unwrap().files;
            let certificate = Certificate {
                tls: Tls::open(&files).unwrap(),
                own: Some(Own { folder: folder.clone(), host }),
                clock: Arc::new(SystemClock),
            };
            let old = certificate.tls.fingerprint();
            certificate.look();
            assert_eq!(certificate.tls.reload().unwrap(), renewed, "{days}");
            assert_eq!(certificate.tls.fingerprint() != old, renewed, "{days}");
            let validity = doorward_transport::tls::validity(&files.certificate, now).unwrap();
            assert_eq!(validity, Validity::Good, "{days}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
