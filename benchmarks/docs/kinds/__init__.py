"""Pictures of ten kinds, made by scripts, and how tccodec does on each beside AVIF."""

# The folder of each kind, and what it holds.
KINDS = {
    "photographs": "photographs, portraits, night",
    "interiors": "architecture and interiors",
    "signs": "photographs of pages and signs",
    "captions": "photographs with text laid over",
    "mixed": "pages with text and photographs",
    "web": "web pages and documents",
    "screens": "terminals and desktop programs",
    "plots": "plots and diagrams",
    "drawings": "flat drawings, comics, maps",
    "jpegs": "scans and screenshots that were JPEGs",
}
