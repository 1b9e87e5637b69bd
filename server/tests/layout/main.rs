//! The shape of the workspace: folders, one-way dependencies, licences. What this file says is what the README says.

#[cfg(test)]
mod workspace;
