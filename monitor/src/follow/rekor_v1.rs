//! stub
pub struct RekorV1;
pub struct RekorV1Error;
