//! The closed lists behind the labels `route` and `status`.

/// What was asked for, as the label `route` says it. One value for each operation of each door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `POST /v1/entries`.
    Submit,
    /// `POST /v1/entries:batch`.
    SubmitBatch,
    /// `GET /v1/entries/{id}`.
    Entry,
    /// `GET /v1/entries:tail`.
    Tail,
    /// `GET /v1/consistency`.
    Consistency,
    /// `GET /v1/checkpoint`.
    Checkpoint,
    /// `GET /v1/logs`.
    Logs,
    /// `GET /v1/envelopes/{sha256}`.
    Envelope,
    /// `GET /v1/trusted_root.json`, `/v1/signing_config.json` and `/v1/{log}.vkey`.
    Trust,
    /// `GET /v1/openapi.json`.
    OpenApi,
    /// `POST /api/v2/log/entries`.
    RekorV2Create,
    /// Any other path under `/api/v2`, and `/healthz`.
    RekorV2Other,
    /// Archivista's `POST /upload`.
    ArchivistaUpload,
    /// Archivista's `GET /download/{gitoid}`.
    ArchivistaDownload,
    /// Archivista's `/query`.
    ArchivistaQuery,
    /// `checkpoint` of a log's tile URLs.
    TileCheckpoint,
    /// `tile/...` of a log's tile URLs: a hash tile.
    Tile,
    /// `tile/entries/...` of a log's tile URLs.
    EntryBundle,
    /// The methods of `treering.v1.Log` that submit.
    GrpcSubmit,
    /// The methods of `treering.v1.Log` that read.
    GrpcRead,
    /// The methods of `dev.sigstore.rekor.v2.Rekor`.
    GrpcRekorV2,
    /// gRPC health and reflection.
    GrpcOther,
    /// Everything else.
    Unknown,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 23] = [
        Self::Submit,
        Self::SubmitBatch,
        Self::Entry,
        Self::Tail,
        Self::Consistency,
        Self::Checkpoint,
        Self::Logs,
        Self::Envelope,
        Self::Trust,
        Self::OpenApi,
        Self::RekorV2Create,
        Self::RekorV2Other,
        Self::ArchivistaUpload,
        Self::ArchivistaDownload,
        Self::ArchivistaQuery,
        Self::TileCheckpoint,
        Self::Tile,
        Self::EntryBundle,
        Self::GrpcSubmit,
        Self::GrpcRead,
        Self::GrpcRekorV2,
        Self::GrpcOther,
        Self::Unknown,
    ];

    /// The label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::SubmitBatch => "submit_batch",
            Self::Entry => "entry",
            Self::Tail => "tail",
            Self::Consistency => "consistency",
            Self::Checkpoint => "checkpoint",
            Self::Logs => "logs",
            Self::Envelope => "envelope",
            Self::Trust => "trust",
            Self::OpenApi => "openapi",
            Self::RekorV2Create => "rekor_v2_create",
            Self::RekorV2Other => "rekor_v2_other",
            Self::ArchivistaUpload => "archivista_upload",
            Self::ArchivistaDownload => "archivista_download",
            Self::ArchivistaQuery => "archivista_query",
            Self::TileCheckpoint => "tile_checkpoint",
            Self::Tile => "tile",
            Self::EntryBundle => "entry_bundle",
            Self::GrpcSubmit => "grpc_submit",
            Self::GrpcRead => "grpc_read",
            Self::GrpcRekorV2 => "grpc_rekor_v2",
            Self::GrpcOther => "grpc_other",
            Self::Unknown => "unknown",
        }
    }

    pub(super) const fn position(self) -> usize {
        self as usize
    }
}

/// The class of an answer's status. A gRPC answer counts as the HTTP status that the other door gives for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// Served.
    Success,
    /// Redirected, or not modified.
    Redirect,
    /// The caller's fault.
    ClientError,
    /// The server's fault, or it is too busy.
    ServerError,
}

impl StatusClass {
    /// Every class.
    pub const ALL: [Self; 4] = [
        Self::Success,
        Self::Redirect,
        Self::ClientError,
        Self::ServerError,
    ];

    /// The label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
        }
    }

    /// The class of an HTTP status; the interim ones count as success.
    #[must_use]
    pub const fn of(status: http::StatusCode) -> Self {
        match status.as_u16() {
            0..=299 => Self::Success,
            300..=399 => Self::Redirect,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }

    pub(super) const fn position(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{Route, StatusClass};

    #[test]
    fn positions_are_those_of_the_lists() {
        for (position, route) in Route::ALL.into_iter().enumerate() {
            assert_eq!(route.position(), position, "{}", route.label());
        }
        for (position, class) in StatusClass::ALL.into_iter().enumerate() {
            assert_eq!(class.position(), position, "{}", class.label());
        }
    }
}
