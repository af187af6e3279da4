"""What a template must be to go out as mass mail: it compiles, and its placeholders are ones that mass mail knows."""
