//! In the place of the prober's modules: of them a query needs a name alone.

/// The module of a query that names none. Which name it is makes no difference here.
pub(crate) const DEFAULT: &str = "http_2xx";
