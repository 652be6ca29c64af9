//! Errors of outbound requests.

/// A reason for which no response was read. The messages go to the log; pages say less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// Not https, or no host.
    #[error("only https URLs are fetched")]
    Scheme,
    /// http to an IP address, or a name of one, that is not in a listed network.
    #[error("http is allowed only in the networks that are listed for it, and {0} is not in one")]
    PlainAddress(String),
    /// The name resolves to an IP address that is not public.
    #[error("{0} is not in a public network; allow its network with the setting networks")]
    Address(String),
    /// The body is longer than was allowed.
    #[error("the response is longer than {0} bytes")]
    TooLong(usize),
    /// The body has a coding that is not read.
    #[error(
        "HTTP {status} with a response that is compressed ({coding}), which was not asked for and \
         cannot be read; have the server, or the proxy in front of it, send it as it is or as gzip"
    )]
    Coding {
        /// The status.
        status: u16,
        /// The coding.
        coding: String,
    },
    /// The body is not of the coding that it states, or a part of it is missing.
    #[error("the response is compressed, and broke off or is damaged")]
    Garbled,
    /// It took too long.
    #[error("no response in time")]
    Timeout,
    /// Too many such requests are under way.
    #[error("too many outbound requests at once")]
    Busy,
    /// The certificate of the other side is not accepted.
    #[error("{0}")]
    Certificate(String),
    /// Name resolution, connection, TLS or protocol failed.
    #[error("{0}")]
    Failed(String),
}

/// A reason for which the client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OutboundSetupError {
    /// A network in the configuration is not one.
    #[error("{0:?} is not a network like 10.0.0.0/8")]
    Network(String),
    /// A certificate file cannot be used.
    #[error("{path}: {reason}")]
    Certificate {
        /// The file.
        path: String,
        /// The fault.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("outbound TLS cannot be set up: {0}")]
    Tls(String),
}

impl OutboundSetupError {
    /// The setting of one server that is wrong: `networks`, or else `ca_file`.
    pub fn setting(&self) -> &'static str {
        if matches!(self, Self::Network(_)) { "networks" } else { "ca_file" }
    }
}
