//! `pollux bench`.
use anyhow::Result;
pub fn run(_filter: Option<&str>) -> Result<u8> {
    Ok(0)
}
