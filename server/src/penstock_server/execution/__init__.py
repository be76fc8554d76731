"""The execution API: what workers on other machines ask, over HTTP."""
