"""The site: pages written from notebooks, code and results files, which Sphinx then sets. Run: make site"""
