//! HTTP/2 on one connection.
