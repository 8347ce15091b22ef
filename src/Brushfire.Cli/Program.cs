// The brushfire program's entry point.

return 0;
