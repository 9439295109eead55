//! The builders' addresses; `copr_api::builder` says what goes over them.

use super::{Route, Who};

/// What builders call.
pub const BUILDER: &[Route] = &[
    Route::post("/builder/v1/lease", Who::Builder, "work, when there is some").bytes(),
    Route::post("/builder/v1/lease/{id}/heartbeat", Who::Builder, "the builder is still at it").bytes(),
    Route::post("/builder/v1/lease/{id}/log/{name}", Who::Builder, "more of a log").bytes(),
    Route::put("/builder/v1/lease/{id}/result/{file}", Who::Builder, "a file that came of it").bytes(),
    Route::post("/builder/v1/lease/{id}/finish", Who::Builder, "how it ended").bytes(),
    Route::get("/builder/v1/lease/{id}/source", Who::Builder, "the source package"),
    Route::get("/builder/v1/lease/{id}/source/{file}", Who::Builder, "a file that was uploaded for it"),
];
