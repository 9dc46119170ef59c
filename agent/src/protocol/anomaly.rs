//! What is odd about what was said, one name each.
//!
//! In: what parsers meet. Out: `Anomaly`, and its text in records.
//! Always: the text is part of the record's contract and never changes meaning.
//! Not here: what could not be seen (`model::loss`).

/// Input that we could follow only with care, or not at all.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Anomaly {
    /// Transfer-Encoding with Content-Length, unequal Content-Length values, an obfuscated or
    /// misplaced Transfer-Encoding: two readers may see two different messages.
    RequestSmuggling,
    /// A field value folded over several lines (RFC 9112 section 5.2).
    ObsFold,
    /// A line that ends in LF without CR.
    BareLf,
    /// White space between field name and colon.
    SpaceBeforeColon,
    /// A line of the head that is no field; it was left out.
    InvalidField,
    /// Bytes in the request target that RFC 3986 does not allow.
    InvalidTarget,
    /// White space in the start line other than single spaces.
    InvalidStartLine,
    /// A Content-Length that is no number.
    InvalidContentLength,
    /// Several equal Content-Length values.
    RepeatedContentLength,
    /// Chunked coding that does not follow its grammar; the framing was lost.
    InvalidChunk,
    /// A head longer than the limit; it was left out.
    HeadTooLong,
    /// More fields than the limit; the rest was left out.
    TooManyFields,
    /// A transfer coding other than chunked, or chunked not last.
    UnknownTransferCoding,
    /// Transfer-Encoding in an HTTP/1.0 message.
    TransferEncodingInHttp10,
    /// More than one Host field, or none in HTTP/1.1.
    InvalidHost,
    /// Bytes after a message where none may be.
    ExtraBytes,
    /// The request ended before its framing said so.
    RequestTruncated,
    /// The response ended before its framing said so.
    ResponseTruncated,
    /// The response came before the request was complete.
    EarlyResponse,
    /// More requests waited for a response than the limit.
    TooManyPipelined,
    /// A frame that breaks RFC 9113; what followed could not be understood.
    InvalidFrame,
    /// A field block that breaks RFC 7541; fields are missing.
    InvalidFieldBlock,
    /// A pseudo-header field that is missing, repeated, unknown, out of place or malformed.
    InvalidPseudoHeader,
    /// A field that HTTP/2 does not allow: `Connection`, `Transfer-Encoding`, upper case.
    ForbiddenField,
    /// `Content-Length` and the length of the content differ.
    ContentLengthMismatch,
    /// More streams were open at once than the limit.
    TooManyStreams,
    /// Content that grows beyond reason when it is decompressed; it was not.
    DecompressionBomb,
    /// Content that is not coded as it says.
    InvalidCoding,
    /// More messages than are kept: the content of some was left out.
    TooManyMessages,
    /// Text that is not in its charset.
    InvalidText,
    /// `Forwarded`, `X-Forwarded-For` or `X-Real-IP` of a trusted proxy does not follow its grammar where
    /// it has to be read.
    InvalidForwarding,
    /// `Forwarded` and `X-Forwarded-For` of a trusted proxy name different clients.
    ConflictingForwarding,
    /// A header of the PROXY protocol that breaks it.
    InvalidProxyHeader,
}

/// Adds an anomaly unless it was noted before.
pub fn note(notes: &mut Vec<Anomaly>, anomaly: Anomaly) {
    if !notes.contains(&anomaly) {
        notes.push(anomaly);
    }
}

impl Anomaly {
    /// The text in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestSmuggling => "request_smuggling",
            Self::ObsFold => "obs_fold",
            Self::BareLf => "bare_lf",
            Self::SpaceBeforeColon => "space_before_colon",
            Self::InvalidField => "invalid_field",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidStartLine => "invalid_start_line",
            Self::InvalidContentLength => "invalid_content_length",
            Self::RepeatedContentLength => "repeated_content_length",
            Self::InvalidChunk => "invalid_chunk",
            Self::HeadTooLong => "head_too_long",
            Self::TooManyFields => "too_many_fields",
            Self::UnknownTransferCoding => "unknown_transfer_coding",
            Self::TransferEncodingInHttp10 => "transfer_encoding_in_http10",
            Self::InvalidHost => "invalid_host",
            Self::ExtraBytes => "extra_bytes",
            Self::RequestTruncated => "request_truncated",
            Self::ResponseTruncated => "response_truncated",
            Self::EarlyResponse => "early_response",
            Self::TooManyPipelined => "too_many_pipelined",
            Self::InvalidFrame => "invalid_frame",
            Self::InvalidFieldBlock => "invalid_field_block",
            Self::InvalidPseudoHeader => "invalid_pseudo_header",
            Self::ForbiddenField => "forbidden_field",
            Self::ContentLengthMismatch => "content_length_mismatch",
            Self::TooManyStreams => "too_many_streams",
            Self::DecompressionBomb => "decompression_bomb",
            Self::InvalidCoding => "invalid_coding",
            Self::TooManyMessages => "too_many_messages",
            Self::InvalidText => "invalid_text",
            Self::InvalidForwarding => "invalid_forwarding",
            Self::ConflictingForwarding => "conflicting_forwarding",
            Self::InvalidProxyHeader => "invalid_proxy_header",
        }
    }
}
