"""What the example packages do: small steps on the campaign database."""
